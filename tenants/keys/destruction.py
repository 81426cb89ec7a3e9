"""Making a shop's secrets unreadable, for good: its keys are destroyed, the ciphertext may stay.

What nobody can read cannot be sold either: unpaid orders end and unsold codes go, so that money
that still comes for an order finds nothing and goes back. What was sold stays as history, without
its codes. The shop is suspended, and the database keeps anyone from reopening it.
"""

from uuid import UUID

from keystall.platform.files import FileStore
from keystall.tenants.key_locks import alone, shop_lock
from keystall.tenants.keys.shop_rotation import Keeper, files_of_codes
from keystall.tenants.stock.uploads import codes_path

REASON = "The keys of this shop were destroyed. Nothing it had sealed can be read again."


async def destroy_shop_keys(keeper: Keeper, shop: UUID, slug: str) -> None:
    """Destroys every key of the shop. There is no way back but a backup that holds them."""
    connection = keeper.connection
    files = await files_of_codes(connection, shop)
    async with alone(connection, shop_lock(shop)):
        packed = await connection.fetchval(
            "with gone as (delete from code_packs where shop_id = $1 returning codes)"
            " select coalesce(sum(codes), 0)::int from gone",
            shop,
        )
        keys = await connection.execute("delete from shop_keys where shop_id = $1", shop)
        await connection.execute(
            """
            with ended as (
              update orders set status = 'expired', placed_from = null
              where shop_id = $1 and status = 'pending' returning id)
            insert into order_events (shop_id, id, order_id, kind, actor)
            select $1, gen_random_uuid(), id, 'order.expired', 'system' from ended
            """,
            shop,
        )
        codes = await connection.execute(
            "delete from codes where shop_id = $1 and state <> 'sold'", shop
        )
        await connection.execute("delete from files where shop_id = $1 and kind = 'codes'", shop)
        await connection.execute(
            "update shops set status = 'suspended', status_reason = $2,"
            " status_before = coalesce(status_before, 'closed') where id = $1",
            shop, REASON,
        )  # fmt: skip
    await connection.execute("vacuum shop_keys")
    await _delete_files(keeper.files, shop, files)
    unsold = packed + int(codes.rpartition(" ")[2])
    keeper.say(
        f"{slug}: {keys.rpartition(' ')[2]} keys destroyed, {unsold} unsold codes"
        " deleted, the shop suspended."
    )


async def _delete_files(store: FileStore, shop: UUID, files: list[UUID]) -> None:
    for file in files:
        await store.delete(codes_path(shop, file))
