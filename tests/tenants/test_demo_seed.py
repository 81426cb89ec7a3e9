"""What the demo is filled with."""

from keystall.platform import database
from keystall.platform.tokens import secret_hash
from keystall.tenants.catalog.availability import bands_by_variants
from keystall.tenants.demo.seed import OPERATOR, seed
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import shop_by_host

PASSWORD = "three shops to try"


async def test_the_demo_has_three_shops_with_goods_one_of_them_selling_in_two_currencies(
    installation: Installation,
) -> None:
    told = await seed(installation, password=PASSWORD)
    assert told["operator"] == {"email": OPERATOR, "password": PASSWORD}
    assert [shop["slug"] for shop in told["shops"]] == ["galaxy", "northwind", "mulan"]
    currencies = {}
    for entry in told["shops"]:
        async with database.transaction(None) as db:
            shop = await shop_by_host(db, f"{entry['slug']}.localhost")
            assert shop is not None
            token = secret_hash(entry["admin_token"])
            assert await db.value("select token_id from token_shop($1)", token) is not None
        currencies[shop.slug] = shop.currencies
        async with database.transaction(shop.id) as db:
            assert set(shop.locales) == {"zh-CN", "en"}
            assert await db.value("select count(*) from product_images") == await db.value(
                "select count(*) from products"
            )
            assert await db.value("select count(*) from prices") == len(
                shop.currencies
            ) * await db.value("select count(*) from variants")
            variants = [row["id"] for row in await db.rows("select id from variants")]
            bands = await bands_by_variants(db, shop.id, variants)
            assert "in_stock" in bands.values()
    assert currencies == {"galaxy": ("CNY",), "northwind": ("USD", "CNY"), "mulan": ("CNY",)}
