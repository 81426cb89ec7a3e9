import dataclasses
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import sign_out
from keystall.tenants.installation import Installation
from keystall.tenants.payments.accounts import payment_accounts
from keystall.tenants.shops import queries
from keystall.tenants.shops.input import ShopChanges, ShopInput, ShopTranslation
from keystall.tenants.shops.operating import (
    ShopFilter,
    operated_shop,
    operated_shops,
    shop_resume,
    shop_suspend,
)
from keystall.tenants.shops.queries import Membership
from keystall.tenants.shops.service import (
    checklist_dismiss,
    shop_close,
    shop_create,
    shop_reopen,
    shop_update,
)
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import MAX_TOKENS, api_token_create, api_token_revoke
from keystall.tenants.staff.roles import PROGRAM
from keystall.tenants.stock.sealing import shop_cipher
from tests.factories import a_product, a_shop, a_viewer, some_codes, the_variant


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[tuple[str, ...], str]]:
    return [(error.path, error.code) for error in refused.value.errors]


async def as_stored(shop: UUID) -> Shop:
    async with database.transaction(shop) as db:
        found = await queries.shop_by_id(db, shop)
    assert found is not None
    return found


async def test_a_new_shop_is_open_at_its_host_with_a_key_a_way_to_pay_and_its_owner(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await shop_create(
        installation, owner, ShopInput(name=" 露露 ", slug="lulu", locale="zh-CN", currency="CNY")
    )

    async with database.transaction(None) as db:
        assert await queries.shop_by_host(db, "LULU.localhost") == shop
        assert await queries.shop_by_host(db, "lulu.elsewhere") is None
        assert await queries.memberships_of(db, owner.secret_hash) == [Membership(shop, "owner")]
        found = await queries.membership_by_session(db, owner.secret_hash, "lulu")
        assert found == Membership(shop, "owner")
    async with database.transaction(shop.id) as db:
        accounts = await payment_accounts(db, shop.id)
        people = await queries.merchants(db)
        cipher = await shop_cipher(db, installation.keys, shop.id)
    assert (shop.name, shop.slug, shop.status) == ("露露", "lulu", "open")
    assert (shop.locales, shop.default_locale) == (("zh-CN",), "zh-CN")
    assert (shop.currencies, shop.default_currency) == (("CNY",), "CNY")
    assert [(account.provider, account.enabled) for account in accounts] == [("sandbox", True)]
    assert people == [queries.Merchant(owner.email, "en")]
    assert cipher.version == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "  "}, [(("name",), "REQUIRED")]),
        ({"name": "x" * 61}, [(("name",), "TOO_LONG")]),
        ({"name": "a\x00b"}, [(("name",), "INVALID")]),
        ({"name": "a\nb"}, [(("name",), "INVALID")]),
        ({"name": "\ud800"}, [(("name",), "INVALID")]),
        ({"slug": ""}, [(("slug",), "REQUIRED")]),
        ({"slug": "Lulu"}, [(("slug",), "INVALID")]),
        ({"slug": "12345"}, [(("slug",), "INVALID")]),
        ({"slug": "admin"}, [(("slug",), "RESERVED")]),
        ({"locale": "xx"}, [(("locale",), "LOCALE_UNKNOWN")]),
        ({"currency": "cny"}, [(("currency",), "CURRENCY_UNKNOWN")]),
        (
            {"name": "", "slug": "-", "locale": "", "currency": "XXX"},
            [
                (("name",), "REQUIRED"),
                (("slug",), "INVALID"),
                (("locale",), "LOCALE_UNKNOWN"),
                (("currency",), "CURRENCY_UNKNOWN"),
            ],
        ),
    ],
)
async def test_a_shop_is_refused_by_field_and_nothing_is_opened(
    installation: Installation, changes: dict[str, str], expected: list[tuple[tuple[str], str]]
) -> None:
    owner = await a_viewer(installation)
    good = ShopInput(name="Mei", slug="mei-cards", locale="en", currency="CNY")

    with pytest.raises(Refused) as refused:
        await shop_create(installation, owner, dataclasses.replace(good, **changes))

    assert codes(refused) == expected
    async with database.transaction(None) as db:
        assert await queries.memberships_of(db, owner.secret_hash) == []


async def test_an_address_is_given_once(installation: Installation) -> None:
    first = await a_shop(installation)
    owner = await a_viewer(installation)

    with pytest.raises(Refused) as refused:
        await shop_create(installation, owner, ShopInput("Other", first.slug, "en", "CNY"))

    assert codes(refused) == [(("slug",), "TAKEN")]
    async with database.transaction(None) as db:
        assert await queries.memberships_of(db, owner.secret_hash) == []
        assert await queries.shop_by_host(db, f"{first.slug}.localhost") == first


async def test_an_ended_session_opens_no_shop(installation: Installation) -> None:
    owner = await a_viewer(installation)
    await sign_out(owner.secret_hash)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop_create(installation, owner, ShopInput("Mei", "mei-late", "en", "CNY"))

    async with database.transaction(None) as db:
        assert await queries.shop_by_host(db, "mei-late.localhost") is None


async def test_a_member_reaches_her_shops_and_no_others(installation: Installation) -> None:
    mine, theirs = await a_viewer(installation), await a_viewer(installation)
    shops = [await a_shop(installation, mine), await a_shop(installation, mine)]
    other = await a_shop(installation, theirs)

    async with database.transaction(None) as db:
        found = await queries.memberships_of(db, mine.secret_hash)
        assert [one.shop for one in found] == shops[::-1]
        assert await queries.membership_by_session(db, mine.secret_hash, other.slug) is None
        assert await queries.memberships_of(db, b"") == []


async def test_a_shop_is_changed_where_asked_and_stays_elsewhere(
    installation: Installation,
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)

    changed = await shop_update(
        installation,
        shop.id,
        ShopChanges(
            name="Lulu & Mei",
            contact="QQ 10001",
            icp_number="京ICP备12345678号",
            locales=["zh-CN", "en"],
            currencies=["USD", "CNY"],
            theme_preset="midnight",
            translations=[ShopTranslation("zh-CN", notice="公告", policies="条款")],
        ),
    )

    assert changed == dataclasses.replace(
        shop,
        name="Lulu & Mei",
        contact="QQ 10001",
        icp_number="京ICP备12345678号",
        locales=("zh-CN", "en"),
        default_locale="zh-CN",
        currencies=("USD", "CNY"),
        default_currency="USD",
        theme="midnight",
        translations={"zh-CN": {"notice": "公告", "policies": "条款"}},
    )
    assert await as_stored(shop.id) == changed
    assert await as_stored(other.id) == other
    cleared = await shop_update(installation, shop.id, ShopChanges(icp_number=None))
    assert cleared == dataclasses.replace(changed, icp_number="")
    assert await shop_update(installation, shop.id, ShopChanges()) == cleared


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (ShopChanges(name=""), [(("name",), "REQUIRED")]),
        (ShopChanges(contact="x" * 501), [(("contact",), "TOO_LONG")]),
        (ShopChanges(locales=[]), [(("locales",), "REQUIRED")]),
        (ShopChanges(locales=["en", "fr"]), [(("locales", "1"), "LOCALE_UNKNOWN")]),
        (ShopChanges(currencies=["CNY", "CNY"]), [(("currencies",), "INVALID")]),
        (ShopChanges(currencies=["CNY", "ZZZ"]), [(("currencies", "1"), "CURRENCY_UNKNOWN")]),
        (ShopChanges(theme_preset="../x"), [(("theme_preset",), "INVALID")]),
        (ShopChanges(hold_minutes=0), [(("hold_minutes",), "OUT_OF_RANGE")]),
        (
            ShopChanges(unpaid_per_buyer=1001, unpaid_per_address=0, hold_share=101),
            [
                (("unpaid_per_buyer",), "OUT_OF_RANGE"),
                (("unpaid_per_address",), "OUT_OF_RANGE"),
                (("hold_share",), "OUT_OF_RANGE"),
            ],
        ),
        (
            ShopChanges(translations=[ShopTranslation("en"), ShopTranslation("fr", notice="\x00")]),
            [
                (("translations", "1", "locale"), "LOCALE_UNKNOWN"),
                (("translations", "1", "notice"), "INVALID"),
            ],
        ),
        (ShopChanges(logo_upload_id=new_id()), [(("logo_upload_id",), "NOT_FOUND")]),
    ],
)
async def test_bad_changes_are_refused_by_field_and_change_nothing(
    installation: Installation,
    changes: ShopChanges,
    expected: list[tuple[tuple[str, ...], str]],
) -> None:
    shop = await a_shop(installation)

    with pytest.raises(Refused) as refused:
        await shop_update(installation, shop.id, changes)

    assert codes(refused) == expected
    assert await as_stored(shop.id) == shop


async def test_a_merchant_closes_and_reopens_but_never_out_of_a_suspension(
    installation: Installation,
) -> None:
    shop, operator = await a_shop(installation), await a_viewer(installation, operator=True)

    assert (await shop_close(installation, shop.id)).status == "closed"
    assert (await shop_reopen(installation, shop.id)).status == "open"
    await shop_suspend(installation, operator, shop.id, reason="Sold stolen goods")
    for change in (shop_close, shop_reopen):
        with pytest.raises(Refused) as refused:
            await change(installation, shop.id)
        assert codes(refused) == [((), "CONFLICT")]
    stored = await as_stored(shop.id)
    assert (stored.status, stored.status_reason) == ("suspended", "Sold stolen goods")


async def test_an_operator_finds_suspends_and_resumes_a_shop(installation: Installation) -> None:
    owner, operator = await a_viewer(installation), await a_viewer(installation, operator=True)
    shop, other = await a_shop(installation, owner, name="蓝鲸点卡"), await a_shop(installation)

    suspended = await shop_suspend(installation, operator, shop.id, reason=" No licence ")
    with pytest.raises(Refused) as twice:
        await shop_suspend(installation, operator, shop.id, reason="Again")
    async with database.transaction(None) as db:
        by_name = await operated_shops(db, operator, ShopFilter(query="蓝鲸"), after=None, limit=5)
        by_owner = await operated_shops(
            db, operator, ShopFilter(query=owner.email.upper()), after=None, limit=5
        )
        newest = await operated_shops(db, operator, ShopFilter(), after=None, limit=1)
        older = await operated_shops(db, operator, ShopFilter(), after=other.id, limit=1)
        elsewhere = await operated_shops(
            db, operator, ShopFilter(query="蓝鲸", status="open"), after=None, limit=5
        )
    resumed = await shop_resume(installation, operator, shop.id)

    assert (suspended.status, suspended.status_reason) == ("suspended", "No licence")
    assert (suspended.owner_email, suspended.order_count) == (owner.email, 0)
    assert by_name == by_owner == older == [suspended]
    assert [found.id for found in newest] == [other.id]
    assert elsewhere == []
    assert codes(twice) == [(("id",), "CONFLICT")]
    assert (resumed.status, resumed.status_reason) == ("open", "")


async def test_only_an_operator_suspends(installation: Installation) -> None:
    owner, operator = await a_viewer(installation), await a_viewer(installation, operator=True)
    shop = await a_shop(installation, owner)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shop_suspend(installation, owner, shop.id, reason="Me first")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(None) as db:
            await operated_shop(db, owner, shop.id)
    with pytest.raises(Refused) as unknown:
        await shop_suspend(installation, operator, new_id(), reason="Nobody")
    with pytest.raises(Refused) as unreasoned:
        await shop_suspend(installation, operator, shop.id, reason=" ")

    assert codes(unknown) == [(("id",), "NOT_FOUND")]
    assert codes(unreasoned) == [(("reason",), "REQUIRED")]
    assert await as_stored(shop.id) == shop


async def test_a_token_opens_its_shop_until_it_is_revoked(installation: Installation) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    token, secret = await api_token_create(installation, shop.id, " Till ")

    async with database.transaction(None) as db:
        opened = await queries.shop_by_token(db, secret)
        assert await queries.shop_by_token(db, secret[:-1]) is None
    async with database.transaction(shop.id) as db:
        listed = await queries.api_tokens(db, shop.id)
    async with database.transaction(other.id) as db:
        leaked = await queries.api_tokens(db, shop.id)
    with pytest.raises(Refused) as foreign:
        await api_token_revoke(installation, other.id, token.id)
    async with database.transaction(None) as db:
        assert await queries.shop_by_token(db, secret) == opened
    await api_token_revoke(installation, shop.id, token.id)
    with pytest.raises(Refused) as again:
        await api_token_revoke(installation, shop.id, token.id)
    async with database.transaction(None) as db:
        assert await queries.shop_by_token(db, secret) is None

    assert opened == queries.ShopByToken(token.id, PROGRAM, shop)
    assert (token.name, token.hint) == ("Till", secret[:13])
    assert secret.startswith("ks_admin_")
    assert listed == [token]
    assert leaked == []
    assert codes(foreign) == codes(again) == [(("id",), "NOT_FOUND")]


async def test_a_shop_has_only_so_many_tokens(installation: Installation) -> None:
    shop = await a_shop(installation)
    for _ in range(MAX_TOKENS):
        last, _ = await api_token_create(installation, shop.id, "Till")

    with pytest.raises(Refused) as full:
        await api_token_create(installation, shop.id, "One more")
    await api_token_revoke(installation, shop.id, last.id)
    await api_token_create(installation, shop.id, "In its place")

    assert codes(full) == [((), "LIMIT_REACHED")]
    with pytest.raises(Refused) as nameless:
        await api_token_create(installation, shop.id, "")
    assert codes(nameless) == [(("name",), "REQUIRED")]


async def test_the_checklist_follows_what_was_done(installation: Installation) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)

    async def checklist(of: Shop) -> queries.Checklist:
        async with database.transaction(of.id) as db:
            return await queries.checklist(db, of.id)

    untouched = queries.Checklist(
        has_product=False, has_codes=False, has_contact=False, had_sale=False, dismissed=False
    )
    assert await checklist(shop) == untouched
    product = await a_product(installation, shop)
    assert await checklist(shop) == dataclasses.replace(untouched, has_product=True)
    await some_codes(installation, shop, (await the_variant(shop, product)).id, 1)
    stocked = dataclasses.replace(untouched, has_product=True, has_codes=True)
    assert await checklist(shop) == stocked
    await shop_update(installation, shop.id, ShopChanges(contact="QQ 12345"))
    await checklist_dismiss(installation, shop.id)
    await checklist_dismiss(installation, shop.id)
    assert await checklist(shop) == dataclasses.replace(stocked, has_contact=True, dismissed=True)
    assert await checklist(other) == untouched


async def test_a_shop_that_was_closed_comes_back_closed_from_a_suspension(
    installation: Installation,
) -> None:
    operator = await a_viewer(installation, operator=True)
    shop = await a_shop(installation)
    await shop_close(installation, shop.id)
    await shop_suspend(installation, operator, shop.id, reason="No licence")
    resumed = await shop_resume(installation, operator, shop.id)
    assert resumed.status == "closed"
    assert (await shop_reopen(installation, shop.id)).status == "open"
