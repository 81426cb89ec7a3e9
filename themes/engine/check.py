"""The build's check of a page table: documents against the schema, templates against documents."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType, validate

from keystall.themes.engine.codec import variable_types
from keystall.themes.engine.documents import PageDocument, load_document
from keystall.themes.engine.names import template_faults
from keystall.themes.engine.pages import Form, Page
from keystall.themes.engine.render import Renderer
from keystall.themes.engine.shapes import Record, Sequence_, Shape, answer_shape
from keystall.themes.paths import THEMES

# Names that the engine gives to every page; `extras` of the visit come on top.
ENGINE_NAMES = frozenset({"page", "forms", "look", "timezone"})


def check_pages(
    pages: Iterable[Page],
    schema: GraphQLSchema,
    renderer: Renderer,
    *,
    root: Path = THEMES,
    extras: Iterable[str] = (),
) -> list[str]:
    """Faults of the pages of one schema, each as a sentence; empty where all is well."""
    faults: list[str] = []
    for page in pages:
        try:
            document = load_document(page, root)
        except (FileNotFoundError, GraphQLError) as error:
            faults.append(f"{page.surface}/{page.stem}.graphql: {error}")
            continue
        check = _Check(page, document, schema)
        found = check.document_faults() or check.template_faults(renderer, frozenset(extras))
        faults += [f"{page.surface}/{page.name}: {fault}" for fault in found]
    return faults


@dataclass(frozen=True)
class _Check:
    page: Page
    document: PageDocument
    schema: GraphQLSchema

    def document_faults(self) -> list[str]:
        if not self.document.ast.definitions:
            return []
        faults = [error.message for error in validate(self.schema, self.document.ast)]
        if faults:
            return faults
        queries = [o for o in self.document.operations.values() if o.operation == _QUERY]
        if len(queries) != (1 if self.page.query else 0):
            faults.append(f"has {len(queries)} queries")
        mutations = {n for n, o in self.document.operations.items() if o.operation != _QUERY}
        faults += [f"no form runs {name}" for name in mutations - self._form_names()]
        for form in self.page.forms:
            faults += self._form_faults(form)
        return faults

    def _form_names(self) -> set[str]:
        return {name for form in self.page.forms for name in form.mutations}

    def _form_faults(self, form: Form) -> list[str]:
        missing = [n for n in form.mutations if n not in self.document.operations]
        if missing:
            return [f"no mutation {name}" for name in missing]
        operations = [self.document.operations[name] for name in form.mutations]
        faults = [
            f"{form.mutation}.{name} does not select userErrors {{ path message code }}"
            for operation in operations
            for name, shape in self._shape(operation).fields.items()
            if not _selects_errors(shape)
        ]
        inputs = {name for operation in operations for name in self._inputs(operation)}
        return faults + [
            f"{form.mutation} has no input {name}"
            for name in form.fields
            if name.split(".")[0] not in inputs
        ]

    def _inputs(self, operation: OperationDefinitionNode) -> set[str]:
        kinds = variable_types(self.schema, operation)
        inner: Any = getattr(kinds.get("input"), "of_type", kinds.get("input"))
        return kinds.keys() | getattr(inner, "fields", {}).keys()

    def _shape(self, operation: OperationDefinitionNode) -> Record:
        root = self.schema.get_root_type(operation.operation)
        return answer_shape(self.schema, self.document.ast, operation.selection_set, root)

    def template_faults(self, renderer: Renderer, extras: frozenset[str]) -> list[str]:
        query = self.document.query
        data = self._shape(query) if query is not None else Record()
        answers: dict[str, Shape] = {
            form.mutation: self._shape(self.document.operations[form.mutation])
            for form in self.page.forms
        }
        data = Record({**data.fields, "answers": Record(answers)})
        known = ENGINE_NAMES | extras
        faults = [f"{name} is a name of the engine" for name in data.fields.keys() & known]
        environment = next(iter(renderer.environments.values()))
        return faults + template_faults(environment, self.page.template, data, known)


_QUERY = OperationType.QUERY


def _selects_errors(shape: Any) -> bool:
    errors = shape.fields.get("userErrors") if isinstance(shape, Record) else None
    item = errors.item if isinstance(errors, Sequence_) else None
    return isinstance(item, Record) and {"path", "message", "code"} <= item.fields.keys()
