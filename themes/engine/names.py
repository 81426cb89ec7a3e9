"""Walks templates along the shape of their data, and tells names that are not there.

Follows `extends`, `include`, blocks, `for`, `set`, `with` and `if x is defined`. What went through
a filter, a call or a macro's argument is not followed: there StrictUndefined is the wall.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from keystall.themes.engine.render import PlainEnvironment
from keystall.themes.engine.shapes import ANY, Any_, Leaf, Record, Sequence_, Shape

__all__ = ["template_faults"]

Scope = dict[str, Shape]
# Filters that hand on what they were given.
_TRANSPARENT = frozenset({"sort", "reverse", "list", "selectattr", "rejectattr", "default", "d"})
_ELEMENT = frozenset({"first", "last", "random"})


def template_faults(
    environment: PlainEnvironment, name: str, data: Record, known: frozenset[str]
) -> list[str]:
    """Faults of a template and all it extends or includes. `known` are names of the engine."""
    walker = _Walker(environment, known)
    walker.template(name, {**dict.fromkeys(known, ANY), **data.fields}, data)
    return walker.faults


@dataclass
class _Walker:
    environment: PlainEnvironment
    known: frozenset[str]
    faults: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    current: str = ""

    def template(self, name: str, scope: Scope, data: Record) -> None:
        if name in self.seen:
            return
        self.seen.add(name)
        outer, self.current = self.current, name
        tree = _parse(self.environment, name)
        # A name bound in another template's block or loop reaches an include, so only whole
        # pages are held to declaring every name.
        if not outer or tree.find(nodes.Block) is not None:
            self._undeclared(tree, data)
        for referred in _referred(tree):
            self.template(referred, dict(scope), data)
        self._body(tree.body, dict(scope))
        self.current = outer

    def _undeclared(self, tree: nodes.Template, data: Record) -> None:
        asked = {
            test.node.name
            for test in tree.find_all(nodes.Test)
            if test.name in ("defined", "undefined") and isinstance(test.node, nodes.Name)
        }
        given = self.known | data.fields.keys() | asked
        for name in sorted(find_undeclared_variables(tree) - given):
            self.faults.append(f"{self.current}: nothing called {name}")

    def _body(self, body: list[nodes.Node], scope: Scope) -> None:
        for node in body:
            self._node(node, scope)

    def _node(self, node: nodes.Node, scope: Scope) -> None:
        match node:
            case nodes.For():
                self._for(node, scope)
            case nodes.Assign():
                self._bind(node.target, self.shape(node.node, scope), scope)
            case nodes.Block():
                self._body(node.body, dict(scope))
            case nodes.With():
                inner = dict(scope)
                for target, value in zip(node.targets, node.values, strict=True):
                    self._bind(target, self.shape(value, scope), inner)
                self._body(node.body, inner)
            case nodes.Macro() | nodes.CallBlock():
                inner = {**scope, **{arg.name: ANY for arg in node.args}}
                inner |= {"caller": ANY, "varargs": ANY, "kwargs": ANY}
                if isinstance(node, nodes.CallBlock):
                    self.shape(node.call, scope)
                self._body(node.body, inner)
            case nodes.Expr():
                self.shape(node, scope)
            case nodes.Import():
                scope[node.target] = ANY
            case nodes.FromImport():
                for name in node.names:
                    scope[name if isinstance(name, str) else name[1]] = ANY
            case _:
                for child in node.iter_child_nodes():
                    self._node(child, scope)

    def _for(self, node: nodes.For, scope: Scope) -> None:
        walked = self.shape(node.iter, scope)
        inner = {**scope, "loop": ANY}
        self._bind(node.target, walked.item if isinstance(walked, Sequence_) else ANY, inner)
        if node.test is not None:
            self.shape(node.test, inner)
        self._body(node.body, inner)
        self._body(node.else_, dict(scope))

    def _bind(self, target: nodes.Node, shape: Shape, scope: Scope) -> None:
        for name in target.find_all(nodes.Name):
            scope[name.name] = ANY
        if isinstance(target, nodes.Name):
            scope[target.name] = shape

    def shape(self, node: nodes.Node, scope: Scope) -> Shape:
        """The shape of an expression; notes the names on the way that are not there."""
        match node:
            case nodes.Name():
                return scope.get(node.name, ANY)
            case nodes.Getattr():
                return self._member(self.shape(node.node, scope), node.attr, node.lineno)
            case nodes.Getitem():
                found = self.shape(node.node, scope)
                self.shape(node.arg, scope)
                if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
                    return self._member(found, node.arg.value, node.lineno)
                return found.item if isinstance(found, Sequence_) else ANY
            case nodes.Filter() if node.node is not None:
                found = self.shape(node.node, scope)
                for argument in node.args:
                    self.shape(argument, scope)
                if node.name in _ELEMENT and isinstance(found, Sequence_):
                    return found.item
                return found if node.name in _TRANSPARENT else ANY
            case nodes.CondExpr():
                return self._either(node, scope)
            case _:
                for child in node.iter_child_nodes():
                    self.shape(child, scope)
                return ANY

    def _either(self, node: nodes.CondExpr, scope: Scope) -> Shape:
        self.shape(node.test, scope)
        one = self.shape(node.expr1, scope)
        other = self.shape(node.expr2, scope) if node.expr2 is not None else ANY
        return one if one == other else ANY

    def _member(self, found: Shape, name: str, line: int) -> Shape:
        match found:
            case Any_():
                return ANY
            case Record(fields) if name in fields:
                return fields[name]
            case Record() | Leaf() | Sequence_():
                self.faults.append(f"{self.current}:{line}: the query does not select .{name}")
        return ANY


def _parse(environment: PlainEnvironment, name: str) -> nodes.Template:
    assert environment.loader is not None  # noqa: S101 - for the type checker
    source, _, _ = environment.loader.get_source(environment, name)
    return environment.parse(source, name)


def _referred(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all((nodes.Extends, nodes.Include)):
        if isinstance(node, nodes.Extends | nodes.Include) and isinstance(
            node.template, nodes.Const
        ):
            yield str(node.template.value)
