"""Customers of a shop: what proves an address, what it opens, and where it opens nothing."""

from datetime import timedelta

import pytest
import time_machine

from keystall.platform import clock, database
from keystall.platform.tokens import secret_hash
from keystall.tenants.customers.links import LINK_LIFE, customer_link, link_follow, link_send
from keystall.tenants.customers.passwords import password_set, password_sign_in
from keystall.tenants.customers.sessions import (
    FRESH_LIFE,
    SESSION_LIFE,
    sign_out,
    sign_out_everywhere,
)
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails import buyer_posts
from keystall.tenants.mails.port import CustomerSignIn
from keystall.tenants.shops.shop import Shop
from tests.customers import HERE, holder, known, mailed_token, signed_in
from tests.factories import PASSWORD, a_shop

EMAIL = "lin@keystall.test"
OTHER = "a quite other one"


@pytest.fixture
async def shop(installation: Installation) -> Shop:
    return await a_shop(installation)


async def rows(shop: Shop) -> dict[str, int]:
    """How many rows the shop has of each kind."""
    async with database.transaction(shop.id) as tx:
        return {
            name: await tx.value(f"select count(*) from {name} where shop_id = $1", shop.id)
            for name in ("customers", "customer_sessions", "customer_links", "outbox")
        }


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[str, tuple[str, ...]]]:
    return [(error.code, error.path) for error in refused.value.errors]


async def test_a_mailed_link_makes_a_customer_and_opens_a_session_once(
    installation: Installation, shop: Shop
) -> None:
    token = await mailed_token(installation, shop, f" {EMAIL.upper()} ")
    async with database.transaction(shop.id) as tx:
        seen = await customer_link(tx, installation, shop.id, token)
        link = await tx.value("select id from customer_links where shop_id = $1", shop.id)
        (post,) = await buyer_posts.customer_link(tx, installation, shop.id, link)
    assert (seen and seen.email, (await rows(shop))["customers"]) == (EMAIL, 0)
    assert isinstance(post.letter, CustomerSignIn)
    assert (post.to, post.letter.token, post.letter.minutes) == (EMAIL, token, 30)

    opened = await link_follow(installation, shop.id, token, visitor=HERE)

    customer = await holder(shop, opened.secret)
    assert (customer.email, customer.has_password, customer.fresh) == (EMAIL, False, True)
    assert opened.expires_at - clock.now() > SESSION_LIFE - timedelta(minutes=1)
    before = await rows(shop)
    with pytest.raises(Refused) as again:
        await link_follow(installation, shop.id, token, visitor=HERE)
    assert codes(again) == [("LINK_INVALID", ("token",))]
    assert await rows(shop) == before
    async with database.transaction(shop.id) as tx:
        assert await customer_link(tx, installation, shop.id, token) is None
        assert await buyer_posts.customer_link(tx, installation, shop.id, link) == []


async def test_asking_for_a_link_costs_and_answers_alike_for_everybody(
    installation: Installation, shop: Shop
) -> None:
    await signed_in(installation, shop, EMAIL)
    grown = []
    for email in (EMAIL, "nobody@keystall.test"):
        before = await rows(shop)
        await link_send(installation, shop.id, email, locale="en")
        after = await rows(shop)
        grown.append({name: after[name] - before[name] for name in after})
    assert grown[0] == grown[1]
    assert grown[0] == {"customers": 0, "customer_sessions": 0, "customer_links": 1, "outbox": 1}


async def test_an_old_link_and_a_text_that_is_none_do_nothing(
    installation: Installation, shop: Shop
) -> None:
    token = await mailed_token(installation, shop, EMAIL)
    other = await mailed_token(installation, await a_shop(installation), EMAIL)
    for text in ("", "令牌", "a" * 64, token[:-2] + "AA", other):
        with pytest.raises(Refused) as refused:
            await link_follow(installation, shop.id, text, visitor=HERE)
        assert codes(refused) == [("LINK_INVALID", ("token",))]
    late = clock.now() + LINK_LIFE + timedelta(seconds=1)
    with time_machine.travel(late), pytest.raises(Refused):
        await link_follow(installation, shop.id, token, visitor=HERE)
    assert (await rows(shop))["customers"] == 0


async def test_a_customer_of_one_shop_is_nobody_in_another(
    installation: Installation, shop: Shop
) -> None:
    elsewhere = await a_shop(installation)
    customer, secret = await signed_in(installation, shop, EMAIL)
    await password_set(installation, shop.id, customer, "", PASSWORD)
    assert await known(shop, secret) is not None
    assert await known(elsewhere, secret) is None
    with pytest.raises(Refused) as refused:
        await password_sign_in(installation, elsewhere.id, EMAIL, PASSWORD, visitor=HERE)
    assert codes(refused) == [("CREDENTIALS_WRONG", ())]
    assert (await rows(elsewhere))["customer_sessions"] == 0


async def test_only_the_hash_of_a_session_is_kept_and_it_ends(
    installation: Installation, shop: Shop
) -> None:
    _, secret = await signed_in(installation, shop, EMAIL)
    async with database.transaction(shop.id) as tx:
        kept = await tx.value("select secret_hash from customer_sessions")
    assert kept == secret_hash(secret)
    with time_machine.travel(clock.now() + SESSION_LIFE + timedelta(seconds=1)):
        assert await known(shop, secret) is None


async def test_signing_out_here_leaves_the_others_and_everywhere_leaves_none(
    installation: Installation, shop: Shop
) -> None:
    people = [await signed_in(installation, shop, EMAIL) for _ in range(3)]
    _, stranger = await signed_in(installation, shop, "wang@keystall.test")
    await sign_out(installation, shop.id, people[0][0])
    assert [await known(shop, secret) is not None for _, secret in people] == [False, True, True]
    assert await sign_out_everywhere(installation, shop.id, people[1][0]) == 2
    assert [await known(shop, secret) for _, secret in people] == [None] * 3
    assert await known(shop, stranger) is not None


async def test_a_browser_that_signs_in_again_gives_up_the_session_it_had(
    installation: Installation, shop: Shop
) -> None:
    customer, secret = await signed_in(installation, shop, EMAIL)
    token = await mailed_token(installation, shop, "wang@keystall.test")
    await link_follow(installation, shop.id, token, customer=customer, visitor=HERE)
    assert await known(shop, secret) is None


async def test_a_password_signs_in_whoever_set_one_and_nobody_else(
    installation: Installation, shop: Shop
) -> None:
    customer, _ = await signed_in(installation, shop, EMAIL)
    await signed_in(installation, shop, "without@keystall.test")
    await password_set(installation, shop.id, customer, "", PASSWORD)
    for email, password in (
        (EMAIL, OTHER), ("without@keystall.test", PASSWORD), ("nobody@keystall.test", PASSWORD),
        ("none", PASSWORD), (EMAIL, ""),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await password_sign_in(installation, shop.id, email, password, visitor=HERE)
        assert codes(refused) == [("CREDENTIALS_WRONG", ())]
    opened = await password_sign_in(installation, shop.id, EMAIL, PASSWORD, visitor=HERE)
    again = await holder(shop, opened.secret)
    assert (again.id, again.email, again.fresh) == (customer.id, EMAIL, False)


async def test_only_who_came_by_link_lately_sets_a_password_without_the_one_before(
    installation: Installation, shop: Shop
) -> None:
    _, secret = await signed_in(installation, shop, EMAIL)
    with time_machine.travel(clock.now() + FRESH_LIFE + timedelta(seconds=1)):
        stale = await holder(shop, secret)
        with pytest.raises(Refused) as refused:
            await password_set(installation, shop.id, stale, "", PASSWORD)
    assert codes(refused) == [("LINK_NEEDED", ())]

    await password_set(installation, shop.id, await holder(shop, secret), "", PASSWORD)
    opened = await password_sign_in(installation, shop.id, EMAIL, PASSWORD, visitor=HERE)
    customer = await holder(shop, opened.secret)
    for current, password, told in (
        ("", OTHER, ("REQUIRED", ("current",))),
        (OTHER, OTHER, ("CREDENTIALS_WRONG", ("current",))),
        (PASSWORD, "short", ("PASSWORD_TOO_SHORT", ("password",))),
    ):
        with pytest.raises(Refused) as refused:
            await password_set(installation, shop.id, customer, current, password)
        assert codes(refused) == [told]
    assert await known(shop, secret) is not None

    await password_set(installation, shop.id, customer, PASSWORD, OTHER)
    assert await known(shop, opened.secret) is not None
    assert await known(shop, secret) is None
    with pytest.raises(Refused):
        await password_sign_in(installation, shop.id, EMAIL, PASSWORD, visitor=HERE)
