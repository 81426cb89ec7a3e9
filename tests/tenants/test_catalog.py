import dataclasses
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from keystall.platform import database
from keystall.platform.database import Row
from keystall.platform.ids import new_id
from keystall.tenants.catalog import queries
from keystall.tenants.catalog.around import product_on_sale
from keystall.tenants.catalog.categories import (
    category_create,
    category_delete,
    category_update,
)
from keystall.tenants.catalog.input import (
    BuyerFieldInput,
    CategoryChanges,
    CategoryInput,
    CategoryTranslation,
    PriceInput,
    ProductChanges,
    ProductInput,
    ProductTranslation,
    VariantInput,
)
from keystall.tenants.catalog.lists import Key, ProductFilter, product_list, products_of_categories
from keystall.tenants.catalog.service import (
    product_archive,
    product_create,
    product_publish,
    product_update,
)
from keystall.tenants.columns import UNREAD
from keystall.tenants.errors import Refused
from keystall.tenants.installation import Installation
from keystall.tenants.shops.input import ShopChanges
from keystall.tenants.shops.service import shop_update
from keystall.tenants.shops.shop import Shop
from tests.factories import a_picture, a_product, a_shop, a_variant_input, variants_of

CATALOGUE = (
    "categories", "products", "variants", "prices", "product_images", "search_terms",
)  # fmt: skip


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[tuple[tuple[str, ...], str]]:
    return [(error.path, error.code) for error in refused.value.errors]


async def catalogue(shop: Shop) -> dict[str, list[Row]]:
    """Every row of the shop's catalogue: equal before and after a refusal."""
    async with database.transaction(shop.id) as db:
        return {
            table: list(
                await db.rows(
                    f"select * from {table} where shop_id = $1 order by {table}::text", shop.id
                )
            )
            for table in CATALOGUE
        }


async def a_bilingual_shop(installation: Installation) -> Shop:
    shop = await a_shop(installation)
    return await shop_update(
        installation, shop.id, ShopChanges(locales=["en", "zh-CN"], currencies=["CNY", "USD"])
    )


async def names(
    shop: Shop, wanted: ProductFilter | None = None, *, at: Shop | None = None
) -> list[str]:
    async with database.transaction((at or shop).id) as db:
        rows, _ = await product_list(db, shop.id, wanted or ProductFilter(), after=None, limit=50)
    return [row.product.name for row in rows]


async def test_a_product_is_written_whole_and_read_back_by_its_parts(
    installation: Installation,
) -> None:
    shop = await a_bilingual_shop(installation)
    category = await category_create(installation, shop, CategoryInput("Games"))
    pictures = [await a_picture(installation, shop), await a_picture(installation, shop)]
    product = await product_create(
        installation,
        shop,
        ProductInput(
            name=" Steam Card ",
            description="Sold **fast**",
            category_id=category.id,
            upload_ids=[pictures[1].id, pictures[0].id],
            variants=[
                VariantInput([PriceInput("9.90", "CNY"), PriceInput("1.5", "USD")], "Small"),
                VariantInput(
                    [PriceInput("90", "CNY")], "Big", min_quantity=2, max_quantity=3,
                    translations={"zh-CN": "大"},
                ),
            ],
            buyer_fields=[
                BuyerFieldInput("account", "Account"),
                BuyerFieldInput("zone", "Zone", False, "select", "", ["East", "West"]),
            ],
            translations=[ProductTranslation("zh-CN", "蒸汽卡", "*快*")],
        ),
    )  # fmt: skip

    async with database.transaction(shop.id) as db:
        assert await product_on_sale(db, shop.id, "steam-card") == (product, {})
        without = await product_on_sale(
            db, shop.id, "steam-card", without=frozenset({"dates", "description", "buyer_fields"})
        )
        variants = (await queries.variants_by_products(db, shop.id, [product.id]))[product.id]
        prices = await queries.prices_by_variants(db, shop.id, [v.id for v in variants])
        images = (await queries.images_by_products(db, shop.id, [product.id]))[product.id]
        spans = [
            await queries.price_spans(db, shop.id, [product.id], currency)
            for currency in ("CNY", "USD", "EUR")
        ]
    assert spans == [
        {product.id: queries.PriceSpan(990, 9000)}, {product.id: queries.PriceSpan(150, 150)}, {},
    ]  # fmt: skip
    assert (product.name, product.status, product.category_id) == (
        "Steam Card", "active", category.id,
    )  # fmt: skip
    names = {"zh-CN": {"name": "蒸汽卡"}}
    no_date: Any = None
    assert without is not None
    assert without[0] == product._replace(
        created_at=no_date,
        updated_at=no_date,
        translations=names,
        description=UNREAD,
        description_html=UNREAD,
        buyer_fields=UNREAD,
    )
    assert product.description_html == "<p>Sold <strong>fast</strong></p>\n"
    assert product.translations == {
        "zh-CN": {
            "name": "蒸汽卡",
            "description": "*快*",
            "description_html": "<p><em>快</em></p>\n",
        }
    }
    assert product.buyer_fields == [
        {
            "key": "account", "label": "Account", "required": True, "kind": "text",
            "placeholder": "", "options": [],
        },
        {
            "key": "zone", "label": "Zone", "required": False, "kind": "select",
            "placeholder": "", "options": ["East", "West"],
        },
    ]  # fmt: skip
    assert [(v.name, v.min_quantity, v.max_quantity, v.translations) for v in variants] == [
        ("Small", 1, 10, {}),
        ("Big", 2, 3, {"zh-CN": {"name": "大"}}),
    ]
    assert prices == {
        variants[0].id: [queries.PriceView("CNY", 990), queries.PriceView("USD", 150)],
        variants[1].id: [queries.PriceView("CNY", 9000)],
    }
    assert images == [
        queries.ImageView(pictures[1].id, 3, 2), queries.ImageView(pictures[0].id, 3, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": " "}, [(("name",), "REQUIRED")]),
        ({"name": "x" * 201}, [(("name",), "TOO_LONG")]),
        ({"name": "a\x00"}, [(("name",), "INVALID")]),
        ({"slug": "No Slug"}, [(("slug",), "INVALID")]),
        ({"description": "x" * 20_001}, [(("description",), "TOO_LONG")]),
        ({"variants": []}, [(("variants",), "REQUIRED")]),
        ({"variants": [VariantInput([])]}, [(("variants", "0", "prices"), "REQUIRED")]),
        (
            {"variants": [a_variant_input("A"), a_variant_input("")]},
            [(("variants", "1", "name"), "REQUIRED")],
        ),
        (
            {"variants": [a_variant_input("A"), a_variant_input("A ")]},
            [(("variants", "1", "name"), "DUPLICATE")],
        ),
        (
            {"variants": [a_variant_input(CNY="0"), ]},
            [(("variants", "0", "prices", "0", "amount"), "AMOUNT_INVALID")],
        ),
        (
            {"variants": [a_variant_input(CNY="9.901")]},
            [(("variants", "0", "prices", "0", "amount"), "AMOUNT_INVALID")],
        ),
        (
            {"variants": [a_variant_input(CNY="1", EUR="1")]},
            [(("variants", "0", "prices", "1", "currency_code"), "CURRENCY_UNAVAILABLE")],
        ),
        (
            {"variants": [VariantInput([PriceInput("1", "CNY"), PriceInput("2", "CNY")])]},
            [(("variants", "0", "prices", "1", "currency_code"), "DUPLICATE")],
        ),
        (
            {"variants": [VariantInput([PriceInput("1", "CNY")], "", None, 0, 1001)]},
            [
                (("variants", "0", "min_quantity"), "INVALID"),
                (("variants", "0", "max_quantity"), "INVALID"),
            ],
        ),
        (
            {"variants": [VariantInput([PriceInput("1", "CNY")], min_quantity=5, max_quantity=4)]},
            [(("variants", "0", "max_quantity"), "INVALID")],
        ),
        (
            {"variants": [a_variant_input(id=UUID(int=1))]},
            [(("variants", "0", "id"), "NOT_FOUND")],
        ),
        ({"category_id": UUID(int=1)}, [(("category_id",), "NOT_FOUND")]),
        (
            {"upload_ids": [UUID(int=1), UUID(int=1)]},
            [(("upload_ids", "1"), "DUPLICATE")],
        ),
        ({"upload_ids": [UUID(int=1)]}, [(("upload_ids", "0"), "NOT_FOUND")]),
        ({"upload_ids": [UUID(int=n) for n in range(11)]}, [(("upload_ids",), "TOO_MANY")]),
        (
            {"buyer_fields": [BuyerFieldInput("A b", ""), BuyerFieldInput("", "x")]},
            [
                (("buyer_fields", "0", "key"), "INVALID"),
                (("buyer_fields", "0", "label"), "REQUIRED"),
                (("buyer_fields", "1", "key"), "REQUIRED"),
            ],
        ),
        (
            {"buyer_fields": [BuyerFieldInput("a", "A", kind="select")]},
            [(("buyer_fields", "0", "options"), "REQUIRED")],
        ),
        (
            {"buyer_fields": [BuyerFieldInput("a", "A"), BuyerFieldInput("a", "B")]},
            [(("buyer_fields", "1", "key"), "DUPLICATE")],
        ),
        (
            {"translations": [ProductTranslation("fr", "Carte")]},
            [(("translations", "0", "locale"), "LOCALE_UNAVAILABLE")],
        ),
        (
            {"translations": [ProductTranslation("zh-CN", "卡"), ProductTranslation("zh-CN", "")]},
            [
                (("translations", "1", "name"), "REQUIRED"),
                (("translations", "1", "locale"), "DUPLICATE"),
            ],
        ),
    ],
)  # fmt: skip
async def test_bad_products_are_refused_at_their_fields_and_change_nothing(
    installation: Installation,
    changes: dict[str, Any],
    expected: Sequence[tuple[tuple[str, ...], str]],
) -> None:
    shop = await a_bilingual_shop(installation)
    product = await a_product(installation, shop, "Kept", slug="kept")
    before = await catalogue(shop)
    good = ProductInput("Steam Card", [a_variant_input()])

    with pytest.raises(Refused) as created:
        await product_create(installation, shop, dataclasses.replace(good, **changes))
    with pytest.raises(Refused) as updated:
        await product_update(installation, shop, product.id, ProductChanges(**changes))

    assert codes(created) == codes(updated) == expected
    assert await catalogue(shop) == before


async def test_another_shops_things_answer_like_missing_ones(installation: Installation) -> None:
    mine, theirs = await a_shop(installation), await a_shop(installation)
    shelf = await category_create(installation, theirs, CategoryInput("Shelf"))
    product = await a_product(
        installation, theirs, upload_ids=[(await a_picture(installation, theirs)).id]
    )
    (variant,) = await variants_of(theirs, product)
    picture = await a_picture(installation, theirs)
    own = await a_product(installation, mine)
    before = await catalogue(mine), await catalogue(theirs)

    for changes, path in (
        (ProductChanges(category_id=shelf.id), ("category_id",)),
        (ProductChanges(upload_ids=[picture.id]), ("upload_ids", "0")),
        (ProductChanges(variants=[a_variant_input(id=variant.id)]), ("variants", "0", "id")),
    ):
        with pytest.raises(Refused) as refused:
            await product_update(installation, mine, own.id, changes)
        assert codes(refused) == [(path, "NOT_FOUND")]
    with pytest.raises(Refused) as foreign:
        await product_update(installation, mine, product.id, ProductChanges(name="Mine now"))
    with pytest.raises(Refused) as archived:
        await product_archive(installation, mine, product.id)
    with pytest.raises(Refused) as renamed:
        await category_update(installation, mine, shelf.id, CategoryChanges(name="Mine now"))
    with pytest.raises(Refused) as deleted:
        await category_delete(installation, mine, shelf.id)

    for answer in (foreign, archived, renamed, deleted):
        assert codes(answer) == [(("id",), "NOT_FOUND")]
    assert (await catalogue(mine), await catalogue(theirs)) == before


async def test_no_read_crosses_from_shop_to_shop(installation: Installation) -> None:
    mine, theirs = await a_shop(installation), await a_shop(installation)
    shelf = await category_create(installation, theirs, CategoryInput("Shelf"))
    picture = await a_picture(installation, theirs)
    product = await a_product(
        installation, theirs, "Canary", category_id=shelf.id, upload_ids=[picture.id]
    )
    (variant,) = await variants_of(theirs, product)

    async def answers(shop: UUID, at: UUID) -> list[bool]:
        async with database.transaction(at) as db:
            return [
                bool(found)
                for found in (
                    (await product_list(db, shop, ProductFilter(), after=None, limit=9))[0],
                    (await product_list(
                        db, shop, ProductFilter(query="canary"), after=None, limit=9
                    ))[0],
                    await queries.products_by_ids(db, shop, [product.id]),
                    await product_on_sale(db, shop, product.slug),
                    await queries.variants_by_ids(db, shop, [variant.id]),
                    await queries.variants_by_products(db, shop, [product.id]),
                    await queries.prices_by_variants(db, shop, [variant.id]),
                    await queries.images_by_products(db, shop, [product.id]),
                    await queries.categories_by_ids(db, shop, [shelf.id]),
                    await queries.category_by_slug(db, shop, shelf.slug),
                    await queries.category_list(db, shop, after=None, limit=9),
                    await queries.product_counts(db, shop, [shelf.id]),
                )
            ]  # fmt: skip

    assert await answers(theirs.id, theirs.id) == [True] * 12
    assert await answers(mine.id, mine.id) == [False] * 12
    assert await answers(theirs.id, mine.id) == [False] * 12
    assert await answers(mine.id, theirs.id) == [False] * 12


async def test_variants_are_kept_by_id_added_and_taken_off_sale(
    installation: Installation,
) -> None:
    shop = await a_bilingual_shop(installation)
    product = await a_product(
        installation, shop, variants=[a_variant_input("A"), a_variant_input("B", CNY="5")]
    )
    first, second = await variants_of(shop, product)
    named = dataclasses.replace(
        a_variant_input("B2", id=second.id, USD="1"), translations={"zh-CN": "乙"}
    )

    await product_update(
        installation, shop, product.id, ProductChanges(variants=[named, a_variant_input("C")])
    )
    kept, added = await variants_of(shop, product)
    async with database.transaction(shop.id) as db:
        prices = await queries.prices_by_variants(db, shop.id, [kept.id, first.id])
        left = (await queries.variants_by_ids(db, shop.id, [first.id]))[first.id]
    assert (kept.id, kept.name, kept.position) == (second.id, "B2", 0)
    assert (added.name, added.position) == ("C", 1)
    assert left.archived_at is not None
    assert prices == {
        kept.id: [queries.PriceView("USD", 100)], first.id: [queries.PriceView("CNY", 990)],
    }  # fmt: skip

    swapped = [a_variant_input("A", id=first.id), a_variant_input("B2", id=kept.id)]
    await product_update(installation, shop, product.id, ProductChanges(variants=swapped))
    back, still = await variants_of(shop, product)
    assert (back.id, back.archived_at) == (first.id, None)
    assert (still.id, still.translations) == (second.id, {"zh-CN": {"name": "乙"}})


async def test_what_is_left_out_of_a_change_stays(installation: Installation) -> None:
    shop = await a_bilingual_shop(installation)
    picture = await a_picture(installation, shop)
    product = await a_product(installation, shop, upload_ids=[picture.id], slug="steam")
    before = await catalogue(shop)

    await product_update(installation, shop, product.id, ProductChanges(position=3))

    after = await catalogue(shop)
    (row,) = after["products"]
    (old,) = before["products"]
    assert row["updated_at"] > old["updated_at"]
    assert dict(row) == dict(old) | {"position": 3, "updated_at": row["updated_at"]}
    assert after | {"products": []} == before | {"products": []}


async def test_slugs_are_unique_in_a_shop_and_made_from_the_name(
    installation: Installation,
) -> None:
    shop, other = await a_shop(installation), await a_shop(installation)
    first = await a_product(installation, shop, "Steam Card")
    second = await a_product(installation, shop, "Steam Card")
    chinese = await a_product(installation, shop, "蒸汽卡")
    elsewhere = await a_product(installation, other, "Steam Card")

    with pytest.raises(Refused) as created:
        await a_product(installation, shop, slug="steam-card")
    with pytest.raises(Refused) as updated:
        await product_update(installation, shop, second.id, ProductChanges(slug="steam-card"))

    assert first.slug == elsewhere.slug == "steam-card"
    assert second.slug == f"steam-card-{second.id.hex[-8:]}"
    assert chinese.slug == f"p-{chinese.id.hex[-8:]}"
    assert codes(created) == codes(updated) == [(("slug",), "TAKEN")]
    again = await product_update(installation, shop, first.id, ProductChanges(slug="steam-card"))
    assert again.slug == "steam-card"


async def test_only_what_is_on_sale_is_listed_for_buyers(installation: Installation) -> None:
    shop = await a_shop(installation)
    await a_product(installation, shop, "Draft", status="draft")
    product = await a_product(installation, shop, "Card")

    assert await names(shop) == ["Card"]
    await product_archive(installation, shop, product.id)
    assert await names(shop) == []
    async with database.transaction(shop.id) as db:
        assert await product_on_sale(db, shop.id, product.slug) is None
    everything = ProductFilter(statuses=("draft", "active", "archived"))
    assert await names(shop, everything) == ["Draft", "Card"]
    await product_publish(installation, shop, product.id)
    assert await names(shop) == ["Card"]


async def test_products_are_found_by_every_name_they_have(installation: Installation) -> None:
    shop, other = await a_bilingual_shop(installation), await a_shop(installation)
    shelf = await category_create(
        installation,
        shop,
        CategoryInput("Games", translations=[CategoryTranslation("zh-CN", "游戏点卡")]),
    )
    hundred = dataclasses.replace(a_variant_input("Hundred"), translations={"zh-CN": "一百元"})
    card = await a_product(
        installation, shop, "Steam Card", category_id=shelf.id, description="Delivered at once",
        variants=[hundred],
        translations=[ProductTranslation("zh-CN", "蒸汽平台充值卡", "自动发货")],
    )  # fmt: skip
    await a_product(installation, shop, "Netflix")
    await a_product(installation, other, "Steam Card")

    async def found(query: str) -> list[str]:
        return await names(shop, ProductFilter(query=query))

    for query in ("steam", "CARD steam", "充值", "平台充值卡", "hundred", "百元", "点卡", "games",
                  "delivered", "发货", "蒸"):  # fmt: skip
        assert await found(query) == ["Steam Card"], query
    for query in ("steam netflix", "充卡", "!!", "", "stea"):
        assert await found(query) == [], query
    await category_update(installation, shop, shelf.id, CategoryChanges(name="Play"))
    assert await found("games") == []
    assert await found("play") == ["Steam Card"]
    await product_update(installation, shop, card.id, ProductChanges(name="Gift Card"))
    assert await found("steam") == []
    assert await found("gift card") == ["Gift Card"]
    await category_delete(installation, shop, shelf.id)
    assert await found("play") == []
    assert await names(other, ProductFilter(query="steam")) == ["Steam Card"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("featured", ["C", "A", "D", "B", "E"]),
        ("newest", ["E", "D", "C", "B", "A"]),
        ("price_asc", ["B", "A", "D", "C", "E"]),
        ("price_desc", ["C", "D", "A", "B", "E"]),
        ("name", ["A", "B", "C", "D", "E"]),
    ],
)
async def test_every_order_is_read_page_by_page_without_gap_or_repeat(
    installation: Installation, sort: Any, expected: list[str]
) -> None:
    shop = await a_bilingual_shop(installation)
    for name, position, price in (("A", 1, "5"), ("B", 2, "1"), ("C", 0, "9"), ("D", 1, "5")):
        both = [a_variant_input("x", CNY=price), a_variant_input("y", CNY="100")]
        await a_product(installation, shop, name, position=position, variants=both)
    await a_product(installation, shop, "E", position=2, variants=[a_variant_input(USD="1")])
    wanted = ProductFilter(sort=sort, currency="CNY")

    seen, after = [], None
    async with database.transaction(shop.id) as db:
        while page := (await product_list(db, shop.id, wanted, after=after, limit=2))[0]:
            seen += [row.product.name for row in page]
            after = page[-1].key

    assert seen == expected


@pytest.mark.parametrize(
    "after",
    [
        (str(new_id()),),
        (1,),
        ("0", str(new_id())),
        (0, "x"),
        (0, 0, str(new_id())),
        (2**63, str(new_id())),
    ],
)
async def test_a_place_of_another_list_is_refused(
    installation: Installation, after: tuple[str | int, ...]
) -> None:
    shop = await a_shop(installation)

    async with database.transaction(shop.id) as db:
        with pytest.raises(ValueError, match="place in another kind of list"):
            await product_list(db, shop.id, ProductFilter(), after=after, limit=2)


async def test_a_list_narrows_to_a_category(installation: Installation) -> None:
    shop = await a_shop(installation)
    shelf = await category_create(installation, shop, CategoryInput("Shelf"))
    await a_product(installation, shop, "On", category_id=shelf.id)
    await a_product(installation, shop, "Gone", category_id=shelf.id, status="archived")
    await a_product(installation, shop, "Off")

    assert await names(shop, ProductFilter(category_slug="shelf")) == ["On"]
    assert await names(shop, ProductFilter(category_id=shelf.id)) == ["On"]
    assert await names(shop, ProductFilter(category_slug="nowhere")) == []
    async with database.transaction(shop.id) as db:
        assert await queries.product_counts(db, shop.id, [shelf.id]) == {shelf.id: 1}


async def test_categories_list_their_products_together_and_each_by_itself(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    shelves = [
        (await category_create(installation, shop, CategoryInput(name))).id
        for name in ("Games", "Music", "Nothing")
    ]
    for name, shelf in (("Chess", 0), ("Jazz", 1), ("Go", 0), ("Poker", 0)):
        await a_product(installation, shop, name, category_id=shelves[shelf])

    async def listed(after: Key | None = None) -> dict[UUID, list[tuple[str, Key]]]:
        async with database.transaction(shop.id) as db:
            pages, _ = await products_of_categories(
                db, shop.id, ProductFilter(), shelves, after=after, limit=2
            )
        return {at: [(one.product.name, one.key) for one in page] for at, page in pages.items()}

    first = await listed()
    assert {at: [name for name, _ in page] for at, page in first.items()} == {
        shelves[0]: ["Chess", "Go"],
        shelves[1]: ["Jazz"],
    }
    second = await listed(after=first[shelves[0]][1][1])
    assert {at: [name for name, _ in page] for at, page in second.items()} == {
        shelves[0]: ["Poker"]
    }


async def test_categories_are_kept_in_the_merchants_order(installation: Installation) -> None:
    shop = await a_bilingual_shop(installation)
    first = await category_create(installation, shop, CategoryInput("Games"))
    second = await category_create(installation, shop, CategoryInput("游戏"))
    third = await category_create(installation, shop, CategoryInput("Top", position=0))
    moved = await category_update(
        installation, shop, first.id,
        CategoryChanges(position=7, translations=[CategoryTranslation("zh-CN", "游戏")]),
    )  # fmt: skip

    async with database.transaction(shop.id) as db:
        page = await queries.category_list(db, shop.id, after=None, limit=2)
        rest = await queries.category_list(
            db, shop.id, after=(page[-1].position, page[-1].id), limit=2
        )
    assert (first.slug, second.slug) == ("games", f"p-{second.id.hex[-8:]}")
    assert (first.position, second.position, third.position) == (0, 1, 0)
    assert (page, rest) == ([third, second], [moved])
    assert moved.translations == {"zh-CN": {"name": "游戏"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ""}, [(("name",), "REQUIRED")]),
        ({"slug": "Bad Slug"}, [(("slug",), "INVALID")]),
        ({"slug": "taken"}, [(("slug",), "TAKEN")]),
        ({"position": -1}, [(("position",), "INVALID")]),
        (
            {"translations": [CategoryTranslation("fr", "")]},
            [
                (("translations", "0", "locale"), "LOCALE_UNAVAILABLE"),
                (("translations", "0", "name"), "REQUIRED"),
            ],
        ),
    ],
)
async def test_bad_categories_are_refused_and_change_nothing(
    installation: Installation,
    changes: dict[str, Any],
    expected: list[tuple[tuple[str, ...], str]],
) -> None:
    shop = await a_shop(installation)
    await category_create(installation, shop, CategoryInput("Taken", slug="taken"))
    category = await category_create(installation, shop, CategoryInput("Games"))
    before = await catalogue(shop)

    with pytest.raises(Refused) as created:
        await category_create(
            installation, shop, dataclasses.replace(CategoryInput("Other"), **changes)
        )
    with pytest.raises(Refused) as updated:
        await category_update(installation, shop, category.id, CategoryChanges(**changes))

    assert codes(created) == codes(updated) == expected
    assert await catalogue(shop) == before


async def test_deleting_a_category_leaves_its_products_without_a_shelf(
    installation: Installation,
) -> None:
    shop = await a_shop(installation)
    shelf = await category_create(installation, shop, CategoryInput("Shelf"))
    product = await a_product(installation, shop, category_id=shelf.id)

    await category_delete(installation, shop, shelf.id)

    async with database.transaction(shop.id) as db:
        assert await queries.category_by_slug(db, shop.id, "shelf") is None
        left = await queries.product_by_id(db, shop.id, product.id)
    assert left == product._replace(category_id=None)
