"""The texts of a listing that forbidden terms are looked for in, and the refusal of one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.tenants.errors import UserError
from keystall.tenants.forbidden.matching import Spread, contains, spread

ListedField = Literal["name", "description", "translation", "variant"]


@dataclass(frozen=True, slots=True)
class Term:
    """A forbidden term as the operator wrote it, and why."""

    id: UUID
    term: str
    reason: str
    looked_for: Spread


@dataclass(frozen=True, slots=True)
class ListedText:
    """One text of a product. `of` is what it is told by: a locale, or a variant's name; `path`
    where it stands in what was asked, empty where it was not asked for now."""

    field: ListedField
    text: str
    of: str = ""
    path: tuple[str, ...] = ()


async def terms_held(tx: Transaction) -> list[Term]:
    """The terms; none is added before this transaction is over."""
    rows = await tx.rows("select * from forbidden_terms_held()")
    return [Term(**row, looked_for=spread(row["term"])) for row in rows]


async def listed_texts(
    tx: Transaction, shop: UUID, product: UUID, asked: Mapping[str, Any]
) -> list[ListedText]:
    """Every text of a product and of its variants on sale, as written; `asked` is what was asked
    for now, by field, as `product_update` takes it."""
    row = await tx.row(
        "select name, description, translations from products where shop_id = $1 and id = $2",
        shop, product,
    )  # fmt: skip
    variants = await tx.rows(
        "select name, translations from variants where shop_id = $1 and product_id = $2"
        " and archived_at is null order by position, id",
        shop, product,
    )  # fmt: skip
    return [] if row is None else _texts(row, variants, asked)


async def texts_on_sale(tx: Transaction, shop: UUID) -> dict[UUID, list[ListedText]]:
    """The texts of every product on sale, by product."""
    rows = await tx.rows(
        "select id, name, description, translations from products"
        " where shop_id = $1 and status = 'active' order by id",
        shop,
    )
    variants: dict[UUID, list[Any]] = {row["id"]: [] for row in rows}
    for variant in await tx.rows(
        "select product_id, name, translations from variants where shop_id = $1"
        " and product_id = any ($2::uuid[]) and archived_at is null order by position, id",
        shop, list(variants),
    ):  # fmt: skip
        variants[variant["product_id"]].append(variant)
    return {row["id"]: _texts(row, variants[row["id"]], {}) for row in rows}


def _texts(row: Any, variants: Sequence[Any], asked: Mapping[str, Any]) -> list[ListedText]:
    own: tuple[ListedField, ...] = ("name", "description")
    return [
        *(ListedText(one, row[one], path=(one,) if one in asked else ()) for one in own),
        *_translated(row["translations"], asked.get("translations", ())),
        *_variants(variants, asked="variants" in asked),
    ]


def _translated(
    written: Mapping[str, Mapping[str, str]], asked: Sequence[Any]
) -> Iterator[ListedText]:
    places = {text.locale: str(place) for place, text in enumerate(asked)}
    for locale, texts in written.items():
        for name in ("name", "description"):
            path = ("translations", places[locale], name) if locale in places else ()
            yield ListedText("translation", texts.get(name, ""), locale, path)


def _variants(rows: Iterable[Any], *, asked: bool) -> Iterator[ListedText]:
    for place, row in enumerate(rows):
        path = ("variants", str(place), "name") if asked else ()
        for text in (row["name"], *(one["name"] for one in row["translations"].values())):
            yield ListedText("variant", text, row["name"], path)


def found(texts: Iterable[ListedText], terms: Sequence[Term]) -> list[tuple[ListedText, Term]]:
    """Which text has which term; each term once, in the first text that has it."""
    looked = [(text, spread(text.text)) for text in texts if text.text] if terms else []
    hits = []
    for term in terms:
        having = [text for text, letters in looked if contains(letters, term.looked_for)]
        hits += [(text, term) for text in having[:1]]
    return hits


def refusals(hits: Iterable[tuple[ListedText, Term]]) -> list[UserError]:
    """FORBIDDEN_GOODS at the text, or at `status` where the text was not asked for now."""
    return [
        UserError(
            "FORBIDDEN_GOODS",
            text.path or ("status",),
            {"term": term.term, "reason": term.reason, f"in_{text.field}": text.of or text.field},
        )
        for text, term in hits
    ]
