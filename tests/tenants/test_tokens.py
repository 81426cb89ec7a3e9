"""API tokens: what they may do, when they end, and when they were used."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants import token_uses
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails.merchant_posts import merchant_token_ending
from keystall.tenants.mails.port import MerchantTokenEnding
from keystall.tenants.retention.sweep import days_kept
from keystall.tenants.shops import queries
from keystall.tenants.shops.queries import ApiTokenView
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import (
    ENDING,
    MAX_DAYS,
    Terms,
    api_token_create,
    api_token_revoke,
    storefront_token_create,
)
from keystall.tenants.staff.roles import PROGRAM, Permission, scopes_of
from keystall.tenants.token_uses import Asked, TokenUses
from keystall.tenants.writing import writing
from tests.factories import a_shop, a_viewer

P = Permission
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(days=3)


async def token_of(shop: Shop, token: UUID) -> ApiTokenView:
    async with database.transaction(shop.id) as db:
        return next(one for one in await queries.api_tokens(db, shop.id) if one.id == token)


@pytest.mark.parametrize(
    ("chosen", "may"),
    [
        ({P.OVERVIEW}, {P.OVERVIEW}),
        ({P.ORDERS}, {P.ORDERS}),
        ({P.MONEY}, {P.MONEY, P.ORDERS}),
        ({P.CATALOG}, {P.CATALOG, P.OVERVIEW}),
        ({P.STOCK}, {P.STOCK, P.OVERVIEW}),
        ({P.SETTINGS}, {P.SETTINGS}),
        ({P.ACTIVITY}, {P.ACTIVITY}),
        ({P.CLOSING}, {P.CLOSING}),
        ({P.WEBHOOKS}, {P.WEBHOOKS, P.OVERVIEW, P.ORDERS}),
        ({P.MONEY, P.STOCK}, {P.MONEY, P.ORDERS, P.STOCK, P.OVERVIEW}),
        (set(Permission), PROGRAM),
    ],
)
def test_changing_takes_seeing_along(chosen: set[Permission], may: set[Permission]) -> None:
    assert scopes_of(chosen) == may
    assert scopes_of(may) == may


@pytest.mark.parametrize(
    ("terms", "codes"),
    [
        (Terms(), []),
        (Terms(scopes=frozenset()), ["REQUIRED"]),
        (Terms(scopes=frozenset({P.ORDERS, P.TOKENS})), ["INVALID"]),
        (Terms(scopes=frozenset({P.PAYMENT_ACCOUNTS})), ["INVALID"]),
        (Terms(scopes=frozenset({P.STAFF})), ["INVALID"]),
        (Terms(days=0), ["OUT_OF_RANGE"]),
        (Terms(days=MAX_DAYS), []),
        (Terms(days=MAX_DAYS + 1), ["OUT_OF_RANGE"]),
        (Terms(expires_at=NOW), ["EXPIRY_OUT_OF_RANGE"]),
        (Terms(expires_at=SOON), []),
        (Terms(expires_at=NOW + timedelta(days=MAX_DAYS, seconds=1)), ["EXPIRY_OUT_OF_RANGE"]),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: Terms, codes: list[str]) -> None:
    assert [error.code for error in terms.errors(NOW)] == codes


def test_a_token_ends_after_its_days_or_at_its_moment_which_counts_before_them() -> None:
    assert Terms().end(NOW) is None
    assert Terms(days=30).end(NOW) == datetime(2026, 12, 23, 12, 0, tzinfo=UTC)
    assert Terms(expires_at=SOON).end(NOW) == SOON
    assert Terms(days=30, expires_at=SOON).end(NOW) == SOON


async def test_refused_terms_make_no_token(installation: Installation) -> None:
    shop = await a_shop(installation)
    with pytest.raises(Refused) as refused:
        await api_token_create(installation, shop.id, "", Terms(scopes=frozenset(), days=0))
    assert [(error.path, error.code) for error in refused.value.errors] == [
        (("name",), "REQUIRED"),
        (("scopes",), "REQUIRED"),
        (("expiresInDays",), "OUT_OF_RANGE"),
    ]
    async with database.transaction(shop.id) as db:
        assert await queries.api_tokens(db, shop.id) == []


async def test_a_token_opens_nothing_from_the_moment_that_it_ends(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    terms = Terms(scopes=frozenset({P.MONEY}), days=1)
    token, secret = await api_token_create(installation, shop.id, "Till", terms)
    async with database.transaction(None) as db:
        opened = await queries.shop_by_token(db, secret)
    async with writing(installation, shop.id) as tx:
        await tx.execute("update api_tokens set expires_at = now() where id = $1", token.id)
    async with database.transaction(None) as db:
        assert await queries.shop_by_token(db, secret) is None

    assert opened == queries.ShopByToken(token.id, frozenset({P.MONEY, P.ORDERS}), shop)
    assert token.expires_at is not None
    assert timedelta(hours=23) < token.expires_at - clock.now() <= timedelta(days=1)


async def test_a_token_s_end_is_told_once_a_week_before_and_not_where_it_was_revoked(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    robot, _ = await api_token_create(installation, shop.id, "Robot", Terms(days=30))
    site = await storefront_token_create(
        installation, shop.id, "Site", ["https://www.example.com"], Terms(days=8)
    )
    await api_token_create(installation, shop.id, "For ever")
    await api_token_create(installation, shop.id, "Short", Terms(days=7))
    revoked, _ = await api_token_create(installation, shop.id, "Gone", Terms(days=30))
    await api_token_revoke(installation, shop.id, revoked.id)
    elsewhere = await a_shop(installation)
    async with database.transaction(shop.id) as tx:
        left = await tx.rows(
            "select subject_id, due_at from outbox where kind = $1 order by due_at", ENDING
        )
        told = [
            await merchant_token_ending(tx, installation, shop.id, row["subject_id"])
            for row in left
        ]
    assert robot.expires_at is not None
    assert site.expires_at is not None
    week = timedelta(days=7)
    assert {row["subject_id"]: row["due_at"] for row in left} == {
        site.id: site.expires_at - week,
        robot.id: robot.expires_at - week,
        revoked.id: next(row["due_at"] for row in left if row["subject_id"] == revoked.id),
    }
    letters = [post.letter for posts in told for post in posts]
    assert [
        (one.name, one.of_site, one.ends_on)
        for one in letters
        if isinstance(one, MerchantTokenEnding)
    ] == [
        ("Site", True, site.expires_at.date().isoformat()),
        ("Robot", False, robot.expires_at.date().isoformat()),
    ]
    assert len(letters) == 2
    async with database.transaction(elsewhere.id) as tx:
        assert await merchant_token_ending(tx, installation, elsewhere.id, robot.id) == []


async def test_a_token_that_says_nothing_of_scopes_may_what_tokens_could_before(
    installation: Installation,
) -> None:
    shop, token = await a_shop(installation), new_id()
    async with writing(installation, shop.id) as tx:
        await tx.execute(
            "insert into api_tokens (shop_id, id, secret_hash, name, hint)"
            " values ($1, $2, '', 'Old', 'ks')",
            shop.id, token,
        )  # fmt: skip
    found = await token_of(shop, token)
    assert (found.scopes, found.maker, found.maker_left) == (PROGRAM, "", False)


async def test_a_token_goes_on_and_says_so_when_its_maker_has_left(
    installation: Installation,
) -> None:
    owner, maker = await a_viewer(installation), await a_viewer(installation)
    shop = await a_shop(installation, owner=owner)
    terms = Terms(made_by=owner.account_id)
    token, secret = await api_token_create(installation, shop.id, "Till", terms)
    gone, _ = await api_token_create(
        installation, shop.id, "Robot", Terms(made_by=maker.account_id)
    )
    assert (token.maker, token.maker_left) == (owner.email, False)
    assert (gone.maker, gone.maker_left) == ("", True)
    async with database.transaction(None) as db:
        assert await queries.shop_by_token(db, secret) is not None


async def test_a_use_is_written_down_later_and_never_taken_back(
    installation: Installation,
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    token, _ = await api_token_create(installation, shop.id, "Till")
    foreign, _ = await api_token_create(installation, other.id, "Till")
    uses = TokenUses()
    uses.note(shop.id, token.id, "192.0.2.1", Asked())
    uses.note(shop.id, token.id, "192.0.2.2", Asked())
    uses.note(shop.id, foreign.id, "192.0.2.3", Asked())
    uses.note(shop.id, new_id(), "192.0.2.4", Asked())
    assert (await token_of(shop, token.id)).last_used_at is None
    await uses.write_down()
    found = await token_of(shop, token.id)
    assert found.last_used_at is not None
    assert found.last_address == "192.0.2.2"
    assert (await token_of(other, foreign.id)).last_used_at is None

    # Another process has seen it later.
    later = clock.now() + timedelta(minutes=5)
    uses.note(shop.id, token.id, "192.0.2.5", Asked())
    async with writing(installation, shop.id) as tx:
        await tx.execute("update api_tokens set last_used_at = $1", later)
    await uses.write_down()
    after = await token_of(shop, token.id)
    assert (after.last_used_at, after.last_address) == (later, "192.0.2.2")


async def test_a_use_that_cannot_be_written_waits_and_the_last_is_written_at_the_end(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await a_shop(installation)
    token, _ = await api_token_create(installation, shop.id, "Till")
    uses = TokenUses()
    async with uses.running():
        uses.note(shop.id, token.id, "192.0.2.1", Asked())
        with monkeypatch.context() as patched:
            patched.setattr(token_uses, "_write", _away)
            await uses.write_down()
        assert (await token_of(shop, token.id)).last_used_at is None
    assert (await token_of(shop, token.id)).last_address == "192.0.2.1"


async def _away(*_: object) -> None:
    raise ConnectionRefusedError


async def test_a_revoked_token_is_listed_no_more(installation: Installation) -> None:
    shop = await a_shop(installation)
    token, _ = await api_token_create(installation, shop.id, "Till")
    await api_token_revoke(installation, shop.id, token.id)
    async with database.transaction(shop.id) as db:
        assert await queries.api_tokens(db, shop.id) == []


async def test_uses_are_summed_by_day_over_processes_and_kept_while_the_database_is_away(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    token, _ = await api_token_create(installation, shop.id, "Till")
    foreign, _ = await api_token_create(installation, other.id, "Till")
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    one, two = TokenUses(), TokenUses()
    one.note(shop.id, token.id, "192.0.2.1", Asked(cost=7, deprecated=("Order.old",)))
    with monkeypatch.context() as patched:
        patched.setattr(token_uses, "_write", _away)
        await one.write_down()
    one.note(shop.id, token.id, "192.0.2.1", Asked(cost=5, deprecated=("Order.old", "Shop.old")))
    one.note(shop.id, token.id, "192.0.2.1", Asked(refused=True))
    one.note(shop.id, foreign.id, "192.0.2.1", Asked(cost=100))
    two.note(shop.id, token.id, "192.0.2.1", Asked(cost=30))
    for uses in (one, two, one, two):
        await uses.write_down()

    async with database.transaction(shop.id) as db:
        found = await queries.token_uses(db, shop.id, [token.id, foreign.id], since=today)
        later = await queries.token_uses(db, shop.id, [token.id], since=today + timedelta(days=1))
    async with database.transaction(other.id) as db:
        leaked = await queries.token_uses(db, other.id, [token.id, foreign.id], since=today)
    use = queries.TokenUseView
    assert found == {
        token.id: [
            use(token.id, today, "", 4, 1, 42),
            use(token.id, today, "Order.old", 2, 0, 0),
            use(token.id, today, "Shop.old", 1, 0, 0),
        ],
        foreign.id: [],
    }
    assert later == {token.id: []}
    assert leaked == {token.id: [], foreign.id: []}


async def test_uses_are_swept_after_their_days(installation: Installation) -> None:
    shop = await a_shop(installation)
    token, _ = await api_token_create(installation, shop.id, "Till")
    uses = TokenUses()
    uses.note(shop.id, token.id, "192.0.2.1", Asked(cost=1))
    await uses.write_down()
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    async with writing(installation, shop.id) as tx:
        await tx.execute(
            "insert into api_token_uses (shop_id, token_id, day, deprecated, requests, refused,"
            " cost) select shop_id, token_id, day - interval '95 days', '', 1, 0, 1"
            " from api_token_uses",
        )
    before = clock.now() - timedelta(days=days_kept(installation.settings)["api_token_uses"])
    async with database.transaction(None) as tx:
        swept = await tx.value("select retention_sweep_uses('api_token_uses', $1, 2000)", before)
    async with database.transaction(shop.id) as db:
        left = await queries.token_uses(db, shop.id, [token.id], since=today - timedelta(days=200))
    assert swept >= 1
    assert [one.day for one in left[token.id]] == [today]
