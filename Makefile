# make demo   the whole product on this machine; ARGS="--port 9000 --fresh" are handed on
# make test   every test on real engines
# make check  every lint, type and contract
# make bench  benchmarks
# make conformance  programs of other people judge the API (needs node, and a minute or two)
# make example  builds examples/shop-front and buys with it (needs node, and a minute)
# Each sets itself up in .venv; nothing but make and Python 3.11, 3.12 or 3.13 is needed.
# PYTHON=/path/to/python3.12 chooses one.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Twice as many as a small machine has cores: tests often wait for a demo, a browser or a clock.
WORKERS ?= 4

.PHONY: help demo test check bench conformance example audit-http fuzz-api audit-relay audit-webhooks diff-schemas \
	schemas-released environment environment-dev lock clean

help:
	@sed -n '1,8s/^# //p' Makefile

demo: environment
	@exec $(BIN)/python -m keystall demo $(ARGS)

# Compiled modules are kept whatever the caller says: tests start our processes again and again.
test: export PYTHONDONTWRITEBYTECODE =
test: environment-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: environment-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/lint-imports
	$(BIN)/python -m keystall schema export --check

bench: environment
	@$(BIN)/python -m bench $(ARGS)

# Each is skipped, loudly, without node and npm; the second wants a package index instead.
conformance: audit-http fuzz-api audit-relay audit-webhooks diff-schemas

audit-http: environment-dev
	@$(BIN)/python -m tests.conformance http

fuzz-api: environment-dev
	@$(BIN)/python -m tests.conformance fuzz

audit-relay: environment-dev
	@$(BIN)/python -m tests.conformance relay

audit-webhooks: environment-dev
	@$(BIN)/python -m tests.conformance webhooks

diff-schemas: environment-dev
	@$(BIN)/python -m tests.conformance diff

# Skipped, loudly, without node and npm.
example: environment-dev
	@$(BIN)/python -m tests.example $(ARGS)

# Part of making a release: from now on the schemas of now are those not to break.
schemas-released: environment-dev
	@$(BIN)/python -m tests.conformance baseline

environment: $(VENV)/.ready
environment-dev: $(VENV)/.ready-dev

$(VENV)/bin/python:
	@.ci/create-environment $(VENV) $(PYTHON)

# The stamp files make a second run cost nothing until a requirement changes.
$(VENV)/.ready: $(VENV)/bin/python requirements.txt pyproject.toml
	@echo "Installing Keystall into $(VENV) (a minute, the first time)"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 platform tenants themes graphql workers tests
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	@echo "Installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# For maintainers: pins again after a change of pyproject.toml; needs uv.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --extra demo --group build
lock:
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header tests/conformance/requirements.in -o tests/conformance/requirements.txt
	cd tests/conformance && npm install --package-lock-only --omit-lockfile-registry-resolved
	cd examples/shop-front && npm install --package-lock-only --omit-lockfile-registry-resolved

clean:
	rm -rf $(VENV) .venv-conformance tests/conformance/node_modules dist build \
		examples/shop-front/node_modules examples/shop-front/dist examples/shop-front/src/gql
