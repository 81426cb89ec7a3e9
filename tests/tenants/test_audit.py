"""The audit log: written with the change or not at all, and with nothing secret in it."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.audit.acting import Act, acting
from keystall.tenants.audit.queries import EntryFilter, actors, audit_list, changes_of
from keystall.tenants.audit.recorded import COUNTED, NOT_RECORDED, RECORDED
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.schema import TABLES_WITHOUT_SHOP
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import Terms, api_token_create
from keystall.tenants.staff.roles import Permission
from keystall.tenants.stock.batches import batch_undo
from keystall.tenants.stock.listing import codes_delete
from keystall.tenants.stock.packs import ids_in
from keystall.tenants.writing import writing
from tests.factories import a_pack, a_product, a_shop, some_codes, the_variant

_NEVER = ("hash", "sealed", "lookup", "password", "secret", "wrapped", "body", "email")


def an_act(**changed: Any) -> Act:
    plain: dict[str, Any] = {
        "actor_kind": "account", "actor_id": new_id(), "actor_name": "lin@keystall.test",
        "operation": "shopUpdate", "object_kind": "shop", "address": "203.0.113.9",
        "user_agent": "Firefox",
    }  # fmt: skip
    return Act(**{**plain, **changed})


async def entries(shop: Shop, **wanted: Any) -> list[Any]:
    """The shop's entries with their changes, newest first."""
    async with database.transaction(shop.id) as db:
        found = await audit_list(db, shop.id, EntryFilter(**wanted), after=None, limit=100)
        changed = await changes_of(db, shop.id, [one.id for one in found])
    return [(one, changed[one.id]) for one in found]


async def test_a_change_is_recorded_with_who_what_before_after_where_and_when(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    act = an_act()
    with acting(replace(act, object_id=shop.id)):
        await shop_update(installation, shop.id, ShopChanges(contact="new@x.cc", hold_minutes=30))

    entry, changes = (await entries(shop))[0]
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == (
        "account", act.actor_id, "lin@keystall.test",
    )  # fmt: skip
    assert (entry.operation, entry.object_kind, entry.object_id) == ("shopUpdate", "shop", shop.id)
    assert (entry.address, entry.user_agent) == ("203.0.113.9", "Firefox")
    (change,) = changes
    assert (change.kind, change.label, change.change) == ("shop", "Lulu Cards", "update")
    assert change.before == {"contact": "", "hold_minutes": 15}
    assert change.after == {"contact": "new@x.cc", "hold_minutes": 30}


async def test_a_new_thing_stands_below_the_deed_that_made_it(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    with acting(an_act(operation="productCreate", object_kind="product")):
        product = await a_product(installation, shop, "Moon Card")
    entry, changes = (await entries(shop))[0]
    assert entry.operation == "productCreate"
    assert {changes[0].object_id} == {product.id}
    assert [(one.kind, one.label) for one in changes] == [
        ("product", "Moon Card"), ("variant", ""), ("variant", "CNY"),
    ]  # fmt: skip
    assert changes[2].after == {"amount": 990}


async def test_what_is_refused_leaves_no_trace(installation: Installation) -> None:
    shop = await a_shop(installation)
    before = await entries(shop)
    with acting(an_act()), pytest.raises(Refused):
        await shop_update(installation, shop.id, ShopChanges(logo_upload_id=new_id()))
    assert await entries(shop) == before


async def test_a_change_that_fails_later_takes_its_record_along(installation: Installation) -> None:
    shop = await a_shop(installation)
    before = await entries(shop)

    async def fail() -> None:
        async with writing(installation, shop.id) as tx:
            await tx.execute("update shops set name = 'Gone' where id = $1", shop.id)
            raise RuntimeError

    with acting(an_act()), pytest.raises(RuntimeError):
        await fail()
    assert await entries(shop) == before


async def test_a_deed_of_several_transactions_is_one_entry(installation: Installation) -> None:
    shop = await a_shop(installation)
    with acting(an_act()):
        await shop_update(installation, shop.id, ShopChanges(contact="one"))
        await shop_update(installation, shop.id, ShopChanges(contact="two"))
    entry, changes = (await entries(shop))[0]
    assert entry.operation == "shopUpdate"
    assert [one.after for one in changes] == [{"contact": "one"}, {"contact": "two"}]


async def test_what_nobody_asked_for_is_the_systems(installation: Installation) -> None:
    shop = await a_shop(installation)
    await shop_update(installation, shop.id, ShopChanges(contact="a@b.cc"))
    entry, changes = (await entries(shop))[0]
    assert (entry.actor_kind, entry.actor_name, entry.operation) == ("system", "", "system")
    assert changes[0].after == {"contact": "a@b.cc"}


async def test_entries_are_found_by_person_and_by_kind(installation: Installation) -> None:
    shop = await a_shop(installation)
    lin, mei = an_act(), an_act(actor_name="mei@keystall.test", operation="apiTokenCreate",
                                object_kind="api_token")  # fmt: skip
    with acting(lin):
        await shop_update(installation, shop.id, ShopChanges(contact="a@b.cc"))
    with acting(mei):
        await api_token_create(installation, shop.id, "Robot")
    assert [one.id for one, _ in await entries(shop, actor=("account", mei.actor_id))] == [mei.id]
    assert [one.id for one, _ in await entries(shop, object_kind="api_token")] == [mei.id]
    async with database.transaction(shop.id) as db:
        known = [one.name for one in await actors(db, shop.id)]
    assert known == ["", "lin@keystall.test", "mei@keystall.test"]


async def test_a_token_is_recorded_without_what_opens_it(installation: Installation) -> None:
    shop = await a_shop(installation)
    seeing = Terms(scopes=frozenset({Permission.ORDERS}))
    with acting(an_act(operation="apiTokenCreate", object_kind="api_token")):
        _, secret = await api_token_create(installation, shop.id, "Robot", seeing)
    entry, changes = (await entries(shop))[0]
    assert changes[0].after == {"name": "Robot", "scopes": ["orders"]}
    assert secret[9:] not in repr((entry, changes))


async def test_deleted_codes_are_counted_and_nothing_of_them_is_told(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    variant = await the_variant(shop, await a_product(installation, shop))
    await some_codes(installation, shop, variant.id, ["ALPHA-1", "BETA-2", "GAMMA-3"])
    async with database.transaction(shop.id) as tx:
        rows = await tx.rows("select id from codes order by position limit 2")
    with acting(an_act(operation="codesDelete", object_kind="code")):
        await codes_delete(installation, shop.id, [row["id"] for row in rows])
    entry, (change,) = (await entries(shop))[0]
    assert (entry.operation, change.kind, change.change) == ("codesDelete", "code", "delete")
    assert change.before == {"variant_id": str(variant.id), "codes": 2}
    assert change.after == {}


async def test_of_packs_what_was_deleted_is_counted_and_what_was_opened_is_not(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    variant = await the_variant(shop, await a_product(installation, shop))
    pack, whole = [
        await a_pack(installation, shop, variant.id, [f"{name}-{n}" for n in range(3)])
        for name in ("ALPHA", "BETA")
    ]
    async with database.transaction(shop.id) as tx:
        batch = await tx.value("select batch_id from code_packs where id = $1", whole)
    with acting(an_act(operation="codesDelete", object_kind="code")):
        await codes_delete(installation, shop.id, ids_in(pack, 2))
    with acting(an_act(operation="batchUndo", object_kind="batch")):
        assert await batch_undo(installation, shop.id, batch, actor="lin") == 3

    undone, deleted = (await entries(shop))[:2]
    for (entry, changes), operation, count in (
        (undone, "batchUndo", 3),
        (deleted, "codesDelete", 2),
    ):
        assert entry.operation == operation
        codes = [one for one in changes if one.kind == "code"]
        assert [(one.change, one.before) for one in codes] == [
            ("delete", {"variant_id": str(variant.id), "codes": count})
        ]
        assert "ALPHA" not in repr(changes)
        assert "BETA" not in repr(changes)


async def test_nobody_changes_or_deletes_what_was_recorded(installation: Installation) -> None:
    shop = await a_shop(installation)
    for table in ("audit_entries", "audit_changes"):
        for sql in (f"update {table} set shop_id = shop_id", f"delete from {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.transaction(shop.id) as tx:
                    await tx.execute(sql)


async def test_the_triggers_record_exactly_the_closed_list(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(
            "select tgrelid::regclass::text as watched, tgargs as arguments, tgqual is null as all"
            " from pg_trigger where tgname = 'audited'"
        )
        tables = await connection.fetch(
            "select relname from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind = 'r'"
        )
    finally:
        await connection.close()
    found = {}
    for row in rows:
        arguments = row["arguments"].rstrip(b"\0").decode().split("\0")
        found[row["watched"]] = (arguments, row["all"])
    assert found == {
        table: ([one.kind, one.object_column, one.label, *one.columns], one.whoever)
        for table, one in RECORDED.items()
    }
    names = {row["relname"] for row in tables} - TABLES_WITHOUT_SHOP - {"tortoise_migrations"}
    recorded = RECORDED.keys() - TABLES_WITHOUT_SHOP
    assert names == recorded | COUNTED | NOT_RECORDED.keys()
    assert not RECORDED.keys() & NOT_RECORDED.keys()


@pytest.mark.parametrize("table", sorted(RECORDED))
def test_nothing_secret_is_on_the_list(table: str) -> None:
    columns = (*RECORDED[table].columns, RECORDED[table].label)
    # Whom an owner invites is staff's business, as who works for the shop is; buyers' is not.
    never = [word for word in _NEVER if (table, word) != ("invitations", "email")]
    assert [name for name in columns if any(word in name for word in never)] == []
