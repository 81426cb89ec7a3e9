"""Sums in which only what hangs on variables is left open."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Variables: TypeAlias = Mapping[str, Any]
Count: TypeAlias = Callable[[Variables], int]
"""A number that variables decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """`flat` and, for each part, its number times its cost; where `largest`, the dearest part
    instead of all; at least `least`. Compared by identity: the same node is the same cost."""

    flat: int = 0
    parts: tuple[tuple[int | Count, "Cost"], ...] = ()
    least: int = 0
    largest: bool = False


Cost: TypeAlias = int | Open


def value(cost: Cost, variables: Variables, known: dict[int, int]) -> int:
    """What it comes to. `known`: nodes done already, as fragments make one stand in many places."""
    if isinstance(cost, int):
        return cost
    found = known.get(id(cost))
    if found is None:
        values = [
            (number if isinstance(number, int) else number(variables))
            * value(part, variables, known)
            for number, part in cost.parts
        ]
        total = max(values, default=0) if cost.largest else sum(values)
        found = known[id(cost)] = max(cost.least, cost.flat + total)
    return found


def summed(flat: int, parts: Iterable[tuple[int | Count, Cost]], *, least: int = 0) -> Cost:
    """A sum, with everything that is known already added up."""
    left: list[tuple[int | Count, Cost]] = []
    for number, part in parts:
        if isinstance(number, int) and isinstance(part, int):
            flat += number * part
        elif number != 0 and part != 0:
            left.append((number, part))
    return Open(flat, tuple(left), least=least) if left else max(flat, least)


def dearest(costs: Iterable[Cost]) -> Cost:
    """The largest of several."""
    known, left = 0, []
    for cost in costs:
        if isinstance(cost, int):
            known = max(known, cost)
        else:
            left.append((1, cost))
    return Open(parts=tuple(left), least=known, largest=True) if left else known
