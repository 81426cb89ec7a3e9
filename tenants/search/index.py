"""Keeping the terms that products are found by."""

from collections.abc import Iterable
from uuid import UUID

from keystall.platform.database import Transaction
from keystall.tenants.search.terms import terms


async def replace_terms(tx: Transaction, shop: UUID, product: UUID, texts: Iterable[str]) -> None:
    """Lets the product be found by the words of `texts` and no others."""
    wanted = sorted(terms("\n".join(text for text in texts if text)))
    await tx.execute(
        "delete from search_terms"
        " where shop_id = $1 and product_id = $2 and term <> all ($3::text[])",
        shop, product, wanted,
    )  # fmt: skip
    await tx.execute(
        "insert into search_terms (shop_id, term, product_id)"
        " select $1, term, $2 from unnest($3::text[]) as term on conflict do nothing",
        shop, product, wanted,
    )  # fmt: skip
