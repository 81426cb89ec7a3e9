"""Loads page documents: one query named for the page, its forms' mutations beside it.

Shared fragments live in `themes/<surface>/fragments.graphql`; only those a document spreads are
added to it, so that a document stays valid and reads as a sample for frontend developers.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    parse,
    print_ast,
    visit,
)
from graphql.language.ast import Node

from keystall.themes.engine.pages import Page
from keystall.themes.paths import THEMES


@dataclass(frozen=True)
class PageDocument:
    """A parsed document; `text` is what the executor gets for `operation`."""

    ast: DocumentNode

    @cached_property
    def operations(self) -> Mapping[str, OperationDefinitionNode]:
        """Operations by name."""
        return {
            node.name.value: node
            for node in self.ast.definitions
            if isinstance(node, OperationDefinitionNode) and node.name
        }

    @cached_property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]:
        """Fragments by name."""
        return {
            node.name.value: node
            for node in self.ast.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    @cached_property
    def query(self) -> OperationDefinitionNode | None:
        """The page's query; None for a page that shows no data."""
        found = [o for o in self.operations.values() if o.operation is OperationType.QUERY]
        return found[0] if found else None

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {name: self._text(node) for name, node in self.operations.items()}

    def text(self, operation: str) -> str:
        """One operation with the fragments it needs, as a document of its own.

        A document of one operation is what limits, costs and trusted-document hashes are made of.
        """
        return self._texts[operation]

    def _text(self, operation: OperationDefinitionNode) -> str:
        used = closure(operation, self.fragments)
        definitions = (operation, *(self.fragments[name] for name in used))
        return "\n\n".join(print_ast(node) for node in definitions)


def closure(node: Node, fragments: Mapping[str, FragmentDefinitionNode]) -> list[str]:
    """Names of the known fragments that `node` spreads, through fragments, in order."""
    seen: list[str] = []
    waiting = [node]
    while waiting:
        for name in _spreads(waiting.pop()):
            if name in fragments and name not in seen:
                seen.append(name)
                waiting.append(fragments[name])
    return seen


def vouched(pages: Iterable[Page]) -> Mapping[str, str]:
    """The documents of these pages by the SHA-256 of their texts: what a gateway may trust."""
    found = {}
    for page in pages:
        document = load_document(page)
        for name in document.operations:
            text = document.text(name)
            found[hashlib.sha256(text.encode()).hexdigest()] = text
    return found


class _SpreadNames(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.append(node.name.value)


def _spreads(node: Node) -> list[str]:
    visitor = _SpreadNames()
    visit(node, visitor)
    return visitor.names


def load_document(page: Page, root: Path = THEMES) -> PageDocument:
    """A page's document, read once. Raises FileNotFoundError, or GraphQLSyntaxError."""
    if not page.query and not page.forms:
        return PageDocument(DocumentNode(definitions=()))
    return _document(root / page.surface, page.stem)


@cache
def _document(surface: Path, page: str) -> PageDocument:
    own = _parsed(surface / f"{page}.graphql")
    shared = _shared_fragments(surface)
    used = closure(own, {**shared, **PageDocument(own).fragments})
    extra = tuple(shared[name] for name in used if name in shared)
    return PageDocument(DocumentNode(definitions=(*own.definitions, *extra)))


@cache
def _shared_fragments(surface: Path) -> Mapping[str, FragmentDefinitionNode]:
    path = surface / "fragments.graphql"
    return PageDocument(_parsed(path)).fragments if path.exists() else {}


def _parsed(path: Path) -> DocumentNode:
    # Nobody is told where in it something stands, which takes as much memory as what stands there.
    return parse(path.read_text("utf-8"), no_location=True)
