"""What a cart costs, and what stands in the way of buying it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from keystall.tenants.columns import UNREAD
from keystall.tenants.errors import UserError

MAX_LINES = 50


@dataclass(frozen=True, slots=True)
class CartLineView:
    """A cart's line with the facts that decide over it. Prices in minor units.

    `unit_price` is None where the variant has no price in the cart's currency; `on_sale` is false
    where product or variant are not sold any more; `in_stock` counts free codes up to `quantity`.
    What has a default may be UNREAD.
    """

    id: UUID
    variant_id: UUID
    product_id: UUID
    product_name: str
    variant_name: str
    quantity: int
    unit_price: int | None
    min_quantity: int
    max_quantity: int
    on_sale: bool
    in_stock: int = UNREAD
    questions: tuple[Mapping[str, Any], ...] = UNREAD

    @property
    def total(self) -> int | None:
        """Price of the whole line."""
        return None if self.unit_price is None else self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Problem:
    """What stands in the way; `line_id` None where it is about the whole cart."""

    line_id: UUID | None
    error: UserError


def cart_total(lines: Sequence[CartLineView]) -> int:
    """Sum of the lines that have a price."""
    return sum(line.total or 0 for line in lines)


def cart_problems(lines: Sequence[CartLineView]) -> list[Problem]:
    """Why these lines cannot be bought as they are, in the order of the lines."""
    if not lines:
        return [Problem(None, UserError("CART_EMPTY"))]
    found: list[Problem] = []
    for index, line in enumerate(lines):
        error = _line_error(line, ("lines", str(index), "quantity"))
        if error is not None:
            found.append(Problem(line.id, error))
    return found


def _line_error(line: CartLineView, path: tuple[str, ...]) -> UserError | None:
    name = line.product_name
    if not line.on_sale:
        return UserError("NOT_FOUND", path, {"product": name})
    if line.unit_price is None:
        return UserError("CURRENCY_UNAVAILABLE", path, {"product": name})
    if line.quantity > line.max_quantity:
        return UserError("OVER_LIMIT", path, {"product": name, "limit": line.max_quantity})
    if line.quantity < line.min_quantity:
        return UserError("UNDER_MINIMUM", path, {"product": name, "minimum": line.min_quantity})
    return shortage(line, line.quantity - line.in_stock, path)


def shortage(line: CartLineView, missing: int, path: tuple[str, ...]) -> UserError | None:
    """The refusal for a line that is short of `missing` codes; None where it is not."""
    if missing <= 0:
        return None
    left = line.quantity - missing
    if left == 0:
        return UserError("SOLD_OUT", path, {"product": line.product_name})
    return UserError("NOT_ENOUGH_STOCK", path, {"product": line.product_name, "left": left})


def questions_of(lines: Sequence[CartLineView]) -> list[Mapping[str, Any]]:
    """What the products ask the buyer, each key once, in the order of the lines."""
    asked: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        for question in line.questions:
            asked.setdefault(question["key"], question)
    return list(asked.values())


def answer_errors(
    questions: Sequence[Mapping[str, Any]], answers: Mapping[str, str]
) -> list[UserError]:
    """Required questions without an answer, and answers that are none of the options."""
    errors: list[UserError] = []
    for question in questions:
        answer = answers.get(question["key"], "").strip()
        path = ("buyer_fields", question["key"])
        if not answer:
            if question.get("required"):
                errors.append(UserError("REQUIRED", path, {"field": question["label"]}))
        elif question.get("kind") == "select" and answer not in question.get("options", ()):
            errors.append(UserError("INVALID", path, {"field": question["label"]}))
        elif len(answer) > 500:
            errors.append(UserError("TOO_LONG", path, {"field": question["label"], "limit": 500}))
    return errors
