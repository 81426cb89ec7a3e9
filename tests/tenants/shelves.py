"""A variant to put codes on, and looks behind the counter."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.installation import Installation
from keystall.tenants.stock.import_work import import_codes
from keystall.tenants.stock.imports import codes_import
from keystall.tenants.stock.packs import opened
from keystall.tenants.stock.sealing import shop_cipher
from keystall.tenants.stock.uploads import codes_upload
from keystall.tenants.writing import writing
from tests.factories import a_shop


@dataclass(frozen=True)
class Shelf:
    """One variant of a shop."""

    installation: Installation
    shop: UUID
    variant: UUID

    async def ask(self, text: str, *, key: str | None = None, skip_bad: bool = False) -> UUID:
        """An import of pasted text that waits for its worker."""
        return await codes_import(
            self.installation, self.shop, self.variant,
            text=text, skip_bad=skip_bad, idempotency_key=key or str(new_id()),
        )  # fmt: skip

    async def fill(self, text: str) -> UUID:
        """An import of pasted text, done."""
        job = await self.ask(text)
        await self.work(job)
        return job

    async def item(self, job: UUID) -> UUID:
        async with database.transaction(self.shop) as tx:
            item: UUID = await tx.value("select id from outbox where subject_id = $1", job)
        return item

    async def work(self, job: UUID) -> None:
        await import_codes(self.installation, self.shop, await self.item(job))

    async def job(self, job: UUID) -> Mapping[str, Any]:
        async with database.transaction(self.shop) as tx:
            row = await tx.row("select * from jobs where id = $1", job)
        assert row is not None
        return row

    async def cancel(self, job: UUID) -> None:
        async with database.transaction(self.shop) as tx:
            await tx.execute("update jobs set cancel = true where id = $1", job)

    async def codes(self) -> list[str]:
        """The plain codes, in the order they would be sold."""
        return [text for _, text in await self.rows()]

    async def rows(self) -> Sequence[tuple[UUID, str]]:
        async with database.transaction(self.shop) as tx:
            cipher = await shop_cipher(tx, self.installation.keys, self.shop)
            rows = await tx.rows("select * from codes where variant_id = $1", self.variant)
            packs = await tx.rows("select * from code_packs where variant_id = $1", self.variant)
        found = [
            (
                row["position"],
                row["id"],
                cipher.open_code(self.variant, row["id"], row["sealed"], row["key_version"]),
            )
            for row in rows
        ]
        for pack in packs:
            inside = opened(cipher, pack)
            found += zip(count(pack["position"]), inside, inside.values())
        return [(id_, text) for _, id_, text in sorted(found)]

    async def packs(self) -> list[int]:
        """How many codes each of its packs has, in the order they would be sold."""
        async with database.transaction(self.shop) as tx:
            rows = await tx.rows(
                "select codes from code_packs where variant_id = $1 order by position", self.variant
            )
        return [row["codes"] for row in rows]


async def a_shelf(installation: Installation, shop: UUID | None = None) -> Shelf:
    """An empty variant of a new product, of a new shop unless one is given."""
    shop = shop or (await a_shop(installation)).id
    product, variant = new_id(), new_id()
    async with writing(installation, shop) as tx:
        await tx.execute(
            "insert into products (shop_id, id, slug, name, status)"
            " values ($1, $2, $3, 'Steam card', 'active')",
            shop, product, f"steam-{product}",
        )  # fmt: skip
        await tx.execute(
            "insert into variants (shop_id, id, product_id, name) values ($1, $2, $3, '')",
            shop, variant, product,
        )  # fmt: skip
    return Shelf(installation, shop, variant)


async def an_upload(shelf: Shelf, content: bytes) -> UUID:
    """A file of codes that the shop's merchant has uploaded."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return (await codes_upload(shelf.installation, shelf.shop, "codes.txt", chunks())).id


async def an_order_line(shelf: Shelf, quantity: int) -> tuple[UUID, UUID]:
    """A pending order with one line of the shelf's variant: the order's id and the line's."""
    order, line = new_id(), new_id()
    async with writing(shelf.installation, shelf.shop) as tx:
        await tx.execute(
            "insert into orders (shop_id, id, number, email, locale, currency, total, status,"
            " expires_at) values ($1, $2, $3, 'b@x.test', 'en', 'CNY', 0, 'pending', now())",
            shelf.shop, order, str(order),
        )  # fmt: skip
        await tx.execute(
            "insert into order_lines (shop_id, id, order_id, position, variant_id, product_name,"
            " variant_name, quantity, unit_price) values ($1, $2, $3, 0, $4, '', '', $5, 0)",
            shelf.shop, line, order, shelf.variant, quantity,
        )  # fmt: skip
    return order, line
