"""Finding an order again: by email and number, and never telling a guesser anything."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.mails import buyer_posts
from keystall.tenants.mails.port import OrderLink
from keystall.tenants.orders.numbers import new_order_number, order_number
from keystall.tenants.orders.recovery import send_order_link
from keystall.tenants.orders.tokens import order_of_token
from keystall.tenants.shops.shop import Shop
from tests.factories import a_shop

EMAIL = "buyer@keystall.test"


@dataclass
class Lost:
    """An order whose buyer lost its link."""

    shop: Shop
    id: UUID
    number: str


@pytest.fixture
async def lost(installation: Installation) -> Lost:
    found = Lost(await a_shop(installation), new_id(), new_order_number())
    async with database.transaction(found.shop.id) as tx:
        await tx.execute(
            "insert into orders (shop_id, id, number, email, locale, currency, total, status,"
            " expires_at) values ($1, $2, $3, $4, 'en', 'CNY', 990, 'expired', now())",
            found.shop.id, found.id, found.number, EMAIL,
        )  # fmt: skip
    return found


async def posted(shop: Shop) -> list[UUID]:
    """What the outbox says to mail links of."""
    async with database.transaction(shop.id) as tx:
        rows = await tx.rows(
            "select subject_id from outbox where shop_id = $1 and kind = 'mail.order_link'", shop.id
        )
    return [row["subject_id"] for row in rows]


async def test_email_and_number_mail_the_link_to_the_buyer(
    installation: Installation, lost: Lost
) -> None:
    typed = lost.number.replace("-", " ").lower()
    await send_order_link(installation, lost.shop.id, f" {EMAIL.upper()} ", typed)

    assert await posted(lost.shop) == [lost.id]
    async with database.transaction(lost.shop.id) as tx:
        (post,) = await buyer_posts.order_link(tx, installation, lost.shop.id, lost.id)
    assert (post.to, post.locale, post.order) == (EMAIL, "en", lost.id)
    assert isinstance(post.letter, OrderLink)
    assert post.letter.number == lost.number
    assert order_of_token(installation.keys, lost.shop.id, post.letter.token) == lost.id


async def test_a_wrong_guess_leaves_the_same_trace_and_no_mail(
    installation: Installation, lost: Lost
) -> None:
    elsewhere = await a_shop(installation)
    guesses = [
        (lost.shop, "other@keystall.test", lost.number),
        (lost.shop, EMAIL, new_order_number()),
        (elsewhere, EMAIL, lost.number),
    ]
    for shop, email, number in guesses:
        before = await posted(shop)
        await send_order_link(installation, shop.id, email, number)
        (subject,) = set(await posted(shop)) - set(before)
        assert subject != lost.id
        async with database.transaction(shop.id) as tx:
            assert await buyer_posts.order_link(tx, installation, shop.id, subject) == []


@pytest.mark.parametrize(
    ("email", "number", "errors"),
    [
        ("nobody", "7Q4M-0XKD-J2", [("EMAIL_INVALID", ("email",))]),
        (EMAIL, "", [("REQUIRED", ("number",))]),
        (EMAIL, "7Q4M-0XKD", [("INVALID", ("number",))]),
        ("", "12", [("EMAIL_INVALID", ("email",)), ("INVALID", ("number",))]),
    ],
)
async def test_what_can_be_neither_is_refused_and_leaves_nothing(
    installation: Installation,
    lost: Lost,
    email: str,
    number: str,
    errors: list[tuple[str, tuple[str, ...]]],
) -> None:
    with pytest.raises(Refused) as refused:
        await send_order_link(installation, lost.shop.id, email, number)

    assert [(error.code, error.path) for error in refused.value.errors] == errors
    assert await posted(lost.shop) == []


@given(st.data())
def test_a_number_is_read_however_it_is_typed(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(["7Q4M-0XKD-J2", "0110-ABYZ-10", "SGRH-1VWT-99"]))
    typed = "".join(
        data.draw(st.sampled_from({"0": "0oO", "1": "1iIlL"}.get(sign, sign + sign.lower())))
        for sign in number.replace("-", "")
    )
    gap = data.draw(st.sampled_from(["", "-", " ", "—", " - "]))
    typed = gap.join([typed[:4], typed[4:8], typed[8:]])

    assert order_number(f"#{typed} ") == number


@given(st.text(max_size=80))
def test_what_is_read_is_a_number_of_ours(typed: str) -> None:
    found = order_number(typed)

    assert found is None or order_number(found) == found
