"""Runs the documents of one page: its query into names for the template, a form into an outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema, OperationDefinitionNode

from keystall.themes.engine.codec import FormCodec, Problem
from keystall.themes.engine.documents import PageDocument
from keystall.themes.engine.forms import FieldError, FormState, place_errors
from keystall.themes.engine.pages import Form, Page
from keystall.themes.engine.query import QueryCodec
from keystall.themes.engine.render import Renderer
from keystall.themes.engine.visit import Execute, Variables, Visit

Fields = Sequence[tuple[str, str]]


class PageMissing(Exception):
    """A result field that the page requires is null: 404."""


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
        fixed = {**params, **visit.values}
        variables = QueryCodec(self.schema, operation).variables(fixed, query)
        data = await self._run(operation, variables, visit)
        for path in self.page.requires:
            _require(data, path)
        return dict(data)

    async def submit(
        self, form: Form, fields: Fields, visit: Visit, params: Mapping[str, str]
    ) -> Done | FormState:
        """Run a form's mutation. Raises UndeclaredField, PageFailed."""
        operation = self.document.operations[form.mutation]
        codec = FormCodec(self.schema, operation, form, visit.timezone)
        decoded = codec.decode(fields, {**params, **visit.values})
        if decoded.problems:
            return self._refused(form, fields, self._wordings(decoded.problems, visit.locale))
        data = await self._run(operation, decoded.variables, visit)
        found = [error for root in data.values() if root for error in root["userErrors"]]
        if found:
            return self._refused(form, fields, place_errors(form, found, decoded.rows))
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
        kept = {name: text for name, text in fields if text and not form.is_secret(name)}
        return FormState(form.mutation, posted=True, values=kept, errors=errors)

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
