"""The look through every shop for what has a term that was just added.

Shop by shop, each in a transaction of its own that waits for its turn in the shop's catalogue: what
goes on sale afterwards is refused by the term, and what was there before is found. A look that dies
is done again from the start, and finds nothing twice.
"""

from datetime import timedelta
from uuid import UUID

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.forbidden.listing import found, terms_held, texts_on_sale
from keystall.tenants.installation import Installation
from keystall.tenants.outbox.claims import claim, take_up

SCAN = "forbidden.scan"
LONGEST = timedelta(minutes=30)
"""As long as one look may take."""

_SHOPS = 500
_NOWHERE = UUID(int=0)


async def scan_listings(installation: Installation, shop: UUID, item: UUID) -> None:
    """Finds the products on sale that have the term that the outbox row `item` is about."""
    async with database.transaction(shop) as tx:
        term = await take_up(tx, shop, item, LONGEST)
    if term is None:
        return
    after = _NOWHERE
    while True:
        async with database.transaction(None) as tx:
            shops = await tx.rows("select id from forbidden_scan_shops($1, $2)", after, _SHOPS)
        for one in shops:
            after = one["id"]
            await _look_through(after, term)
        if len(shops) < _SHOPS:
            break
    async with database.transaction(shop) as tx:
        if await claim(tx, shop, item) is not None:
            await tx.execute("select forbidden_scan_done($1)", term)


async def _look_through(shop: UUID, wanted: UUID) -> None:
    async with database.transaction(shop) as tx:
        # Its turn in the shop's catalogue: see tenants.catalog.slugs.take_turn.
        await tx.execute("select from shops where id = $1 for no key update", shop)
        terms = [term for term in await terms_held(tx) if term.id == wanted]
        listed = await texts_on_sale(tx, shop) if terms else {}
        for product, texts in listed.items():
            for text, term in found(texts, terms):
                await tx.execute(
                    "insert into forbidden_findings (shop_id, id, product_id, term_id, field)"
                    " values ($1, $2, $3, $4, $5)"
                    " on conflict (shop_id, product_id, term_id) do nothing",
                    shop, new_id(), product, term.id, text.field,
                )  # fmt: skip
