"""Starlette routes of a page table. GET shows, POST runs one form and ends in 303 or 422."""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from graphql import GraphQLSchema
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from keystall.themes.engine.codec import UndeclaredField
from keystall.themes.engine.cookies import Cookies, alias
from keystall.themes.engine.documents import load_document
from keystall.themes.engine.failures import Failures, kind_of_errors
from keystall.themes.engine.forms import FieldError, FormState
from keystall.themes.engine.headers import content_security_policy, unmodified
from keystall.themes.engine.here import Here, fill, here, local
from keystall.themes.engine.pages import Audience, Cache, Form, Page
from keystall.themes.engine.run import Done, PageFailed, PageMissing, PageRun
from keystall.themes.engine.spool import sent_form
from keystall.themes.engine.visit import (
    Effect,
    Execute,
    Keep,
    MakeVisit,
    StoreUpload,
    UploadRefused,
    Visit,
)
from keystall.themes.messages import LOCALES, URL_CODES
from keystall.themes.paths import THEMES

_MOST_FIELDS = 2_000
_MOST_FILES = 20
_MOST_BESIDE = 5
_LONGEST_TEXT = 10 * 1024 * 1024
_IN_URL = ":/%#?=@[]!$&'()*+,;"
"""What an address may hold as it is; Starlette's redirect quotes the rest likewise."""


@dataclass(frozen=True)
class Pages:
    """What all pages share. Built once by the composition root."""

    execute: Execute
    make_visit: MakeVisit
    schemas: Mapping[Audience, GraphQLSchema]
    failures: Failures
    cookies: Cookies
    store_upload: StoreUpload | None = None
    keep: Keep | None = None
    root: Path = THEMES


def routes(pages: Iterable[Page], shared: Pages) -> list[Route]:
    """One route a row, in order. Reads and parses every document: raises on a missing one."""
    return [_route(page, shared) for page in pages]


def _route(page: Page, shared: Pages) -> Route:
    document = load_document(page, shared.root)
    schema = shared.schemas[page.audience]
    run = PageRun(page, document, schema, shared.execute, shared.failures.renderer)
    endpoint = _Endpoint(page, shared, run)
    methods = ["GET", "POST"] if page.forms else ["GET"]
    name = f"{page.surface}:{page.name}"
    takes_files = any(form.uploads or form.pasted for form in page.forms)
    limits = [Middleware(RequestBodyLimitMiddleware, max_body_size=page.largest_upload)]
    return Route(
        page.route,
        endpoint.serve,
        methods=methods,
        name=name,
        # Elsewhere the installation's own, smaller limit holds.
        middleware=limits if takes_files else None,
    )


@dataclass(frozen=True)
class _Endpoint:
    page: Page
    shared: Pages
    run: PageRun

    async def serve(self, request: Request) -> Response:
        if request.path_params.get("l", "en") not in URL_CODES.values():
            return self.shared.failures.page(request, "not_found")
        if self.page.cache is not Cache.EVERYONE or request.method == "POST":
            return await self._answer(request)
        if self.shared.keep is None or request.method != "GET":
            return unmodified(request, await self._answer(request))
        show = partial(self._answer, request)
        return unmodified(request, await self.shared.keep(request, show))

    async def _answer(self, request: Request) -> Response:
        visit = await self.shared.make_visit(request, self.page)
        if isinstance(visit, Response):
            return visit
        try:
            if request.method == "POST":
                return await self._post(request, visit)
            return await self._show(request, visit)
        except (PageMissing, PageFailed, UndeclaredField) as error:
            kind = _kind(error)
            return self.shared.failures.page(request, kind, locale=visit.locale, look=visit.look)
        finally:
            # A mutation reads too, and its answer is no page; a broken one is none either.
            await visit.release()

    async def _post(self, request: Request, visit: Visit) -> Response:
        async with sent_form(
            request, max_fields=_MOST_FIELDS, max_files=_MOST_FILES, max_text=_LONGEST_TEXT
        ) as sent:
            form = self.page.form(str(sent.get("form", "")))
            if form is None:
                raise UndeclaredField("form")
            again = str(sent.get("again", ""))
            fields, refused = await self._fields(form, sent.multi_items(), visit)
        if refused or again:
            typed = self.run.typed(form, fields, again=again, errors=refused)
            return await self._show(request, visit, typed, 422 if refused else 200)
        outcome = await self.run.submit(form, fields, visit, _params(request))
        if isinstance(outcome, Done) and form.shows:
            typed = self.run.typed(form, fields)
            shown = await self._show(request, visit, typed, answers={form.mutation: outcome.data})
            self._write_effects(shown, visit, form)
            return shown
        if isinstance(outcome, Done):
            return self._sent_on(request, visit, form, outcome)
        return await self._show(request, visit, outcome, 422)

    async def _fields(
        self, form: Form, items: Iterable[tuple[str, Any]], visit: Visit
    ) -> tuple[list[tuple[str, str]], list[FieldError]]:
        fields, refused = [], []
        for name, value in items:
            if name in ("form", "again"):
                continue
            try:
                fields.append(await self._field(form, name, value, visit))
            except UploadRefused as error:
                refused.append(FieldError(name, error.message, error.code))
        return fields, refused

    async def _field(self, form: Form, name: str, value: Any, visit: Visit) -> tuple[str, str]:
        if name in form.pasted:
            text, name = str(value), form.pasted[name]
            pasted = UploadFile(BytesIO(text.encode()), filename="pasted.txt")
            value = pasted if text.strip() else ""
        if not isinstance(value, UploadFile):
            return name, value
        if name not in form.uploads or self.shared.store_upload is None:
            raise UndeclaredField(name)
        if not value.filename:
            return name, ""
        return name, await self.shared.store_upload(visit, name, value)

    def _sent_on(self, request: Request, visit: Visit, form: Form, done: Done) -> Response:
        at = here(self.page, request, visit.locale)
        known = {**done.data, **_params(request), **visit.values, "here": at.url}
        for effect in visit.effects:
            if effect.name in form.beside and effect.value:
                known["begun"] = alias(effect.value)
        target = _target(form, known, request.query_params.get("to", ""))
        response: Response = RedirectResponse(target, status_code=303)
        if "hx-request" in request.headers and target != at.url:
            # fetch would follow a 303 silently and put another page into this one's block.
            response = Response(status_code=200, headers={"HX-Redirect": quote(target, _IN_URL)})
        response.headers["Cache-Control"] = "no-store"
        self._write_effects(response, visit, form)
        return response

    def _write_effects(self, response: Response, visit: Visit, form: Form) -> None:
        for effect in visit.effects:
            effect = _beside(form, visit, effect)
            if effect.name not in form.effects:
                raise RuntimeError(f"{form.mutation} may not set the {effect.name} cookie")
            self.shared.cookies.write(response, effect)

    async def _show(
        self,
        request: Request,
        visit: Visit,
        posted: FormState | None = None,
        status: int = 200,
        *,
        answers: Mapping[str, Any] | None = None,
    ) -> Response:
        data = await self.run.names(visit, _params(request), request.query_params)
        await visit.seen()
        await visit.release()
        at = here(self.page, request, visit.locale)
        names = {**visit.extras, **data, **self._engine_names(at, visit, posted)}
        names["answers"] = {form.mutation: None for form in self.page.forms} | dict(answers or {})
        body = self._body(request, visit, names)
        headers = {
            "Cache-Control": self.page.cache.value if posted is None else "no-store",
            "Content-Security-Policy": content_security_policy(
                visit.look, visit.form_targets, shows_mail=self.page.shows_mail
            ),
            "Content-Language": visit.locale,
            "Vary": "HX-Request, HX-Target",
        }
        if self.page.cache is Cache.EVERYONE and posted is None:
            headers["ETag"] = f'"{hashlib.sha256(body.encode()).hexdigest()[:24]}"'
        return HTMLResponse(body, status_code=status, headers=headers)

    def _engine_names(self, at: Here, visit: Visit, posted: FormState | None) -> dict[str, Any]:
        forms = {form.mutation: FormState(form.mutation) for form in self.page.forms}
        if posted is not None:
            forms[posted.name] = posted
        return {"page": at, "forms": forms, "look": visit.look, "timezone": visit.timezone}

    def _body(self, request: Request, visit: Visit, names: Mapping[str, Any]) -> str:
        renderer = self.shared.failures.renderer
        wanted = _wanted_blocks(request)
        if wanted:
            part = renderer.blocks(self.page.template, visit.locale, wanted, names)
            if part is not None:
                return part
        return renderer.page(self.page.template, visit.locale, names)


def _wanted_blocks(request: Request) -> list[str]:
    """htmx 4 sends its target as `tag#id`; the element's id is the block's name."""
    if "hx-request" not in request.headers:
        return []
    targets = request.headers.get("hx-target", "").split(",")
    return [target.rpartition("#")[2].strip() for target in targets if "#" in target]


def _beside(form: Form, visit: Visit, effect: Effect) -> Effect:
    """The effect as the form has it: beside the last ones of its kind, where it says so."""
    name = form.beside.get(effect.name)
    if name is None or effect.value is None:
        return effect
    before = (visit.values.get(name) or "").split(".")
    return Effect(name, ".".join([effect.value, *before][:_MOST_BESIDE]).strip("."))


def _target(form: Form, known: Mapping[str, Any], asked: str) -> str:
    """Where a form that was done leads, `asked` being the `to` of its address."""
    back = asked if form.returns and local(asked) else ""
    if form.detour:
        with suppress(KeyError):
            return fill(form.detour, known) + (f"?to={quote(back, safe='')}" if back else "")
    try:
        target = fill(form.success, known)
    except KeyError:
        if not form.success_else:
            raise
        target = fill(form.success_else, known)
    return back or target


def _params(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in request.path_params.items()}


def _kind(error: Exception) -> str:
    if isinstance(error, PageMissing):
        return "not_found"
    if isinstance(error, PageFailed):
        return kind_of_errors(error.errors)
    return "bad_request"


def locale_route(cookies: Cookies) -> Route:
    """`POST /locale` with `locale` and `to`: keeps a language choice where addresses carry none."""

    async def choose(request: Request) -> Response:
        async with request.form(max_fields=2, max_files=0) as sent:
            locale, to = str(sent.get("locale", "")), str(sent.get("to", "/"))
        try:
            target = fill("{to}", {"to": to}) if to.startswith("/") else "/"
        except ValueError:
            target = "/"
        response = RedirectResponse(target, status_code=303)
        if locale in LOCALES:
            cookies.write(response, Effect("locale", locale))
        return response

    return Route("/locale", choose, methods=["POST"])
