"""What processes load, and what they load late."""

import subprocess
import sys
from types import ModuleType

import pytest

from keystall.platform.later import later
from keystall.platform.spared import without

LATE = {
    "PIL", "aiosmtplib", "click", "cryptography.x509", "greenlet", "jwt", "pygments", "rich",
    "webauthn",
}  # fmt: skip
GATEWAY = {"graphql", "strawberry", "keystall.graphql.executor"}


def loaded_by(program: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_a_web_process_starts_without_what_few_requests_need() -> None:
    loaded = loaded_by("import keystall.platform.web.server, keystall.platform.asgi")

    assert loaded & LATE == {"click"}  # by uvicorn, whose own command line comes with it
    assert loaded >= GATEWAY | {"keystall.graphql.storefront.schema"}
    assert {"keystall.graphql.admin.schema", "keystall.graphql.operator.schema"} & loaded == set()


def test_a_worker_starts_without_the_gateway() -> None:
    assert loaded_by("import keystall.platform.cli.worker") & (LATE | GATEWAY) == set()


def test_a_late_module_is_loaded_when_something_of_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "this_module_is_late", raising=False)
    late = later("this_module_is_late")
    made = ModuleType("this_module_is_late")
    made.answer = 42  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "this_module_is_late", made)

    late.answer += 1

    assert made.answer == 43


def test_a_late_module_that_is_not_there_says_so_when_it_is_used() -> None:
    late = later("keystall.platform.nowhere")

    with pytest.raises(ModuleNotFoundError, match=r"keystall\.platform\.nowhere"):
        late.anything()


def test_what_is_spared_is_found_again_afterwards() -> None:
    sys.modules.pop("antigravity", None)
    with without("antigravity", "json"):
        inside = sys.modules["antigravity"]

    assert vars(inside).get("fly") is None
    assert "antigravity" not in sys.modules
    assert sys.modules["json"].loads("1") == 1  # was loaded already, and is left alone
