"""Forbidden goods: what is found however it is spelled, what is refused, what is found on sale."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from keystall.platform import database
from keystall.platform.ids import new_id
from keystall.tenants.catalog.input import ProductChanges, ProductTranslation
from keystall.tenants.catalog.queries import product_by_id
from keystall.tenants.catalog.service import product_archive, product_publish, product_update
from keystall.tenants.desk.forbidden_goods import (
    Finding,
    forbidden_findings,
    forbidden_term_add,
    forbidden_term_remove,
    forbidden_terms,
    forbidden_text_try,
    listing_stop,
)
from keystall.tenants.desk.record import operator_actions
from keystall.tenants.errors import Refused
from keystall.tenants.forbidden.matching import contains, spread
from keystall.tenants.forbidden.scan import scan_listings
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from keystall.tenants.mails.merchant_posts import merchant_listing_stopped
from keystall.tenants.mails.port import MerchantListingStopped
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_update
from keystall.tenants.writing import INSTALLATION
from tests.factories import a_product, a_shop, a_variant_input, a_viewer


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("gift", "a GIFT for you"),
        ("gift", "g i f t"),
        ("gift", "gi ft"),
        ("gift", "g.i.f.t"),
        ("gift", "g, i, f, t"),
        ("gift", "Ｇｉｆｔ"),
        ("gift", "gi\u200bft"),
        ("gift", "gíft"),
        ("gift", "**g**ift"),
        ("gift", "&#103;ift"),
        ("gift", "gift2"),
        ("gift", "卖gift卡"),
        ("gift", "e-gift"),
        ("gift card", "giftcard"),
        ("gift card", "GIFT-CARD!"),
        ("gift card", "g i f t c a r d"),
        ("ak47", "AK-47"),
        ("枪支", "各种枪支出售"),
        ("枪支", "枪 支"),
        ("枪支", "枪*支"),
        ("枪支", "枪\u200b支"),
        ("steam充值", "Steam 充 值"),
        ("straße", "STRASSE"),
    ],
)
def test_a_term_is_found_however_it_is_spelled_out(term: str, text: str) -> None:
    assert contains(spread(text), spread(term))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("gift", "gifted"),
        ("gift", "regift"),
        ("gift", "big if true"),
        ("therapist", "the rapist"),
        ("id", "what I do, I d o"),
        ("ak47", "ak470"),
        ("gift card", "a gift, card by card"),
        ("gift", "g\ni\nf\nt"),
        ("枪支", "水枪，支持退款"),
        ("枪支", "水枪\n支持退款"),
        ("枪支", "支枪"),
    ],
)
def test_what_only_looks_like_a_term_is_not_found(term: str, text: str) -> None:
    assert not contains(spread(text), spread(term))


@pytest.fixture
async def operator(installation: Installation) -> Viewer:
    return await a_viewer(installation, operator=True)


def a_word() -> str:
    """A term that no other test has."""
    return f"zeppelin {new_id().hex}"


async def add(installation: Installation, operator: Viewer, term: str) -> UUID:
    return await forbidden_term_add(installation, operator, term=term, reason="Not sold here")


async def look(installation: Installation, term: UUID) -> None:
    """Does the look through all shops for a term, as its worker would."""
    async with database.transaction(INSTALLATION) as tx:
        item = await tx.value("select id from outbox where subject_id = $1", term)
    await scan_listings(installation, INSTALLATION, item)


async def findings(operator: Viewer, term: str) -> list[Finding]:
    async with database.transaction(None) as tx:
        found = await forbidden_findings(tx, operator, after=None, limit=100)
    return [one for one in found if one.term == term]


def told(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[str, tuple[str, ...], Any]]:
    return [(one.code, one.path, dict(one.params)) for one in refused.value.errors]


async def test_nothing_goes_on_sale_with_a_forbidden_term_and_a_draft_is_kept(
    installation: Installation, operator: Viewer
) -> None:
    word = a_word()
    await add(installation, operator, word)
    shop = await a_shop(installation)
    shop = await shop_update(installation, shop.id, ShopChanges(locales=["en", "zh-CN"]))
    why = {"term": word, "reason": "Not sold here"}
    texts: dict[str, Any] = {
        "description": f"Buy {word.upper()} now",
        "translations": [ProductTranslation("zh-CN", "卡", f"**{word}**")],
        "variants": [a_variant_input("Small"), a_variant_input(f"The {word}")],
    }
    for field, (path, place) in {
        "description": (("description",), {"in_description": "description"}),
        "translations": (("translations", "0", "description"), {"in_translation": "zh-CN"}),
        "variants": (("variants", "1", "name"), {"in_variant": f"The {word}"}),
    }.items():
        with pytest.raises(Refused) as refused:
            await a_product(installation, shop, **{field: texts[field]})
        assert told(refused) == [("FORBIDDEN_GOODS", path, why | place)]
    with pytest.raises(Refused) as refused:
        await a_product(installation, shop, f"My {word}", **texts)
    assert told(refused) == [("FORBIDDEN_GOODS", ("name",), why | {"in_name": "name"})]

    draft = await a_product(installation, shop, f"My {word}", status="draft", **texts)
    assert (draft.status, draft.name) == ("draft", f"My {word}")
    with pytest.raises(Refused) as refused:
        await product_publish(installation, shop, draft.id)
    assert told(refused) == [("FORBIDDEN_GOODS", ("status",), why | {"in_name": "name"})]
    async with database.transaction(shop.id) as tx:
        kept = await tx.rows("select status from products where shop_id = $1", shop.id)
    assert [row["status"] for row in kept] == ["draft"]


async def test_what_is_on_sale_when_a_term_comes_is_found_and_stays_until_it_is_stopped(
    installation: Installation, operator: Viewer
) -> None:
    word = a_word()
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner, name="Moon Cards")
    product = await a_product(installation, shop, word)
    term = await add(installation, operator, word)
    async with database.transaction(None) as tx:
        (first, *_) = await forbidden_terms(tx, operator, after=None, limit=1)
    assert (first.id, first.scanned_at, first.found) == (term, None, 0)
    for _ in range(2):
        await look(installation, term)
    async with database.transaction(None) as tx:
        (first, *_) = await forbidden_terms(tx, operator, after=None, limit=1)
    assert (first.scanned_at is not None, first.found) == (True, 1)
    (found,) = await findings(operator, word)
    assert (found.product_id, found.shop_id, found.field) == (product.id, shop.id, "name")

    with pytest.raises(Refused):  # whatever is changed, while the term is there
        await product_update(installation, shop, product.id, ProductChanges(position=3))
    with pytest.raises(Refused) as refused:
        await listing_stop(installation, operator, product.id, reason=" ")
    assert [(one.code, one.path) for one in refused.value.errors] == [("REQUIRED", ("reason",))]
    await listing_stop(installation, operator, product.id, reason=" Please remove it. ")
    async with database.transaction(shop.id) as tx:
        stopped = await product_by_id(tx, shop.id, product.id)
        (post,) = await merchant_listing_stopped(tx, installation, shop.id, product.id)
        kinds = await tx.rows("select kind from outbox where shop_id = $1", shop.id)
    assert stopped is not None
    assert (stopped.status, stopped.stopped_reason) == ("draft", "Please remove it.")
    assert (post.to, type(post.letter)) == (owner.email, MerchantListingStopped)
    assert [row["kind"] for row in kinds] == ["mail.merchant_listing_stopped"]
    assert await findings(operator, word) == []
    async with database.transaction(None) as tx:
        (done, *_) = await operator_actions(tx, operator, after=None, limit=1)
    assert (done.action, done.shop_name, done.subject, done.note) == (
        "listing.stop", "Moon Cards", word, "Please remove it.",
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        await listing_stop(installation, operator, product.id, reason="Again")
    assert [one.code for one in refused.value.errors] == ["CONFLICT"]

    mended = ProductChanges(name="A harmless card", status="active")
    changed = await product_update(installation, shop, product.id, mended)
    assert (changed.status, changed.stopped_reason) == ("active", "")


async def test_taking_the_term_out_or_off_sale_ends_a_finding_and_so_does_allowing_it(
    installation: Installation, operator: Viewer
) -> None:
    word = a_word()
    shop = await a_shop(installation)
    one, two, three = [await a_product(installation, shop, f"{word} {at}") for at in range(3)]
    term = await add(installation, operator, word)
    await look(installation, term)
    assert len(await findings(operator, word)) == 3
    await product_update(installation, shop, one.id, ProductChanges(name="Harmless"))
    await product_archive(installation, shop, two.id)
    assert [found.product_id for found in await findings(operator, word)] == [three.id]
    await forbidden_term_remove(installation, operator, term)
    assert await findings(operator, word) == []
    await product_update(installation, shop, three.id, ProductChanges(position=1))
    with pytest.raises(Refused):
        await forbidden_term_remove(installation, operator, term)


async def test_the_list_takes_no_term_twice_and_none_of_one_letter(
    installation: Installation, operator: Viewer
) -> None:
    word = a_word()
    await add(installation, operator, word)
    for term, code in ((f" {word.upper()}!", "TAKEN"), ("x", "INVALID"), ("…", "INVALID"),
                       ("", "REQUIRED"), ("x" * 101, "TOO_LONG")):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await add(installation, operator, term)
        assert [one.code for one in refused.value.errors] == [code]
    async with database.transaction(None) as tx:
        tried = await forbidden_text_try(tx, operator, text=f"my new {word}", term="new")
        assert await forbidden_text_try(tx, operator, text="harmless", term="") == []
    assert tried == ["new", word]


async def test_a_term_waits_for_what_is_being_put_on_sale_and_then_finds_it(
    installation: Installation, operator: Viewer, superuser_url: str
) -> None:
    word = a_word()
    shop = await a_shop(installation)
    draft = await a_product(installation, shop, word, status="draft")
    selling = await asyncpg.connect(superuser_url)
    async with selling.transaction():
        assert word not in [
            row["term"] for row in await selling.fetch("select term from forbidden_terms_held()")
        ]
        adding = asyncio.create_task(add(installation, operator, word))
        done, _ = await asyncio.wait({adding}, timeout=0.2)
        assert done == set()  # whoever puts something on sale goes first
        await selling.execute("update products set status = 'active' where id = $1", draft.id)
    await selling.close()
    await look(installation, await adding)
    assert [found.product_id for found in await findings(operator, word)] == [draft.id]


async def test_putting_on_sale_and_forbidding_at_once_leaves_nothing_unseen(
    installation: Installation, operator: Viewer
) -> None:
    shop = await a_shop(installation)
    for _ in range(5):
        word = a_word()
        draft = await a_product(installation, shop, word, status="draft")
        term, published = await asyncio.gather(
            add(installation, operator, word),
            product_publish(installation, shop, draft.id),
            return_exceptions=True,
        )
        assert isinstance(term, UUID)
        await look(installation, term)
        found = [one.product_id for one in await findings(operator, word)]
        assert found == ([] if isinstance(published, Refused) else [draft.id])
