"""Runs the documents of one page: its query into names for the template, a form into an outcome."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphql import GraphQLNonNull, GraphQLSchema, OperationDefinitionNode

from keystall.themes.engine.codec import FormCodec, Problem, variable_types
from keystall.themes.engine.documents import PageDocument
from keystall.themes.engine.forms import FieldError, FormState, place_errors, without_row
from keystall.themes.engine.pages import Form, Page
from keystall.themes.engine.query import QueryCodec
from keystall.themes.engine.render import Renderer
from keystall.themes.engine.visit import Execute, Variables, Visit

Fields = Sequence[tuple[str, str]]
_DROP = re.compile(r"drop [A-Za-z.]+\.\d{1,4}")


class PageMissing(Exception):
    """A result field that the page requires is null, or the path names what cannot be: 404."""


class PageFailed(Exception):
    """Top-level GraphQL errors; `errors` as in the response."""

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True)
class Done:
    """A mutation that ended well; `data` fills the success address."""

    data: Mapping[str, Any]


@dataclass(frozen=True)
class _Sent:
    """A form as it came in; `fixed` are the values that no field may fill."""

    form: Form
    fields: Fields
    visit: Visit
    fixed: Mapping[str, str | None]


@dataclass(frozen=True)
class PageRun:
    """One page with everything that running it takes."""

    page: Page
    document: PageDocument
    schema: GraphQLSchema
    execute: Execute
    renderer: Renderer

    async def names(
        self, visit: Visit, params: Mapping[str, str], query: Mapping[str, str]
    ) -> dict[str, Any]:
        """The query's root fields. Raises PageMissing, PageFailed."""
        operation = self.document.query
        if operation is None:
            return {}
        self._require_readable(params)
        fixed = {**params, **visit.values}
        variables = QueryCodec(self.schema, operation).variables(fixed, query)
        data = await self._run(operation, variables, visit)
        for path in self.page.requires:
            _require(data, path)
        return dict(data)

    async def submit(
        self, form: Form, fields: Fields, visit: Visit, params: Mapping[str, str]
    ) -> Done | FormState:
        """Run a form's mutations. Raises PageMissing, UndeclaredField, PageFailed."""
        self._require_readable(params)
        sent = _Sent(form, fields, visit, {**params, **visit.values})
        for name in form.before:
            outcome = await self._step(name, sent)
            if isinstance(outcome, FormState):
                return outcome
        if form.otherwise and self._lacks(form.mutation, sent.fixed):
            return await self._step(form.otherwise, sent)
        outcome = await self._step(form.mutation, sent)
        if isinstance(outcome, FormState) and form.gone & {e.code for e in outcome.errors}:
            return await self._step(form.otherwise, sent)
        return outcome

    def typed(
        self, form: Form, fields: Fields, *, again: str = "", errors: Sequence[FieldError] = ()
    ) -> FormState:
        """What was typed, to be drawn again; nothing runs. "drop variants.1" takes that row out."""
        if _DROP.fullmatch(again):
            fields = without_row(fields, again.removeprefix("drop "))
        return replace(self._refused(form, fields, tuple(errors)), again=again)

    def _require_readable(self, params: Mapping[str, str]) -> None:
        """Raises PageMissing where a part of the path can be no value of the query's variable, as
        in `/mails/nonsense/en`: there is nothing of that name."""
        operation = self.document.query
        if operation is None:
            return
        read = QueryCodec(self.schema, operation).variables(params, {})
        for name in variable_types(self.schema, operation):
            if name in params and name not in read:
                raise PageMissing(name)

    def _lacks(self, name: str, fixed: Mapping[str, str | None]) -> bool:
        kinds = variable_types(self.schema, self.document.operations[name])
        return any(
            isinstance(kind, GraphQLNonNull) and fixed.get(variable, "") is None
            for variable, kind in kinds.items()
        )

    async def _step(self, name: str, sent: _Sent) -> Done | FormState:
        operation = self.document.operations[name]
        codec = FormCodec(self.schema, operation, sent.form, sent.visit.timezone)
        decoded = codec.decode(sent.fields, sent.fixed)
        if decoded.problems:
            wordings = self._wordings(decoded.problems, sent.visit.locale)
            return self._refused(sent.form, sent.fields, wordings)
        data = await self._run(operation, decoded.variables, sent.visit)
        found = [error for root in data.values() if root for error in root["userErrors"]]
        if found:
            placed = place_errors(sent.form, found, decoded.rows, fields=sent.fields)
            return self._refused(sent.form, sent.fields, placed)
        return Done(data)

    async def _run(
        self, operation: OperationDefinitionNode, variables: Variables, visit: Visit
    ) -> Mapping[str, Any]:
        assert operation.name is not None  # noqa: S101 - check_pages holds it
        name = operation.name.value
        answer = await self.execute(
            self.page.audience, self.document.text(name), name, variables, visit.context
        )
        if answer.errors or answer.data is None:
            raise PageFailed(answer.errors or [{"message": "no data"}])
        return answer.data

    def _refused(self, form: Form, fields: Fields, errors: tuple[FieldError, ...]) -> FormState:
        kept = tuple((name, text) for name, text in fields if text and not form.is_secret(name))
        return FormState(form.mutation, posted=True, values=dict(kept), errors=errors, fields=kept)

    def _wordings(self, problems: list[Problem], locale: str) -> tuple[FieldError, ...]:
        return tuple(
            FieldError(p.field, self.renderer.text(locale, f"form.problem.{p.code}"), p.code)
            for p in problems
        )


def _require(data: Mapping[str, Any], path: str) -> None:
    found: Any = data
    for step in path.split("."):
        found = found[step]
        if found is None:
            raise PageMissing(path)
