"""Which words find a product."""

from uuid import UUID

from keystall.tenants.search.index import replace_terms
from keystall.tenants.writing import Writing


async def index_product(tx: Writing, shop: UUID, product: UUID) -> None:
    """Lets the product be found by its texts as they stand: names first, for there is a limit to
    how many words one product is found by."""
    row = await tx.row(
        """
        select products.name, products.description, products.translations,
               categories.name as category, categories.translations as category_translations
        from products left join categories
          on categories.shop_id = $1 and categories.id = products.category_id
        where products.shop_id = $1 and products.id = $2
        """,
        shop, product,
    )  # fmt: skip
    if row is None:
        return
    variants = await tx.rows(
        "select name, translations from variants"
        " where shop_id = $1 and product_id = $2 and archived_at is null",
        shop, product,
    )  # fmt: skip
    translated = list(row["translations"].values())
    texts = [row["name"], *(text["name"] for text in translated), row["category"] or ""]
    texts += [text["name"] for text in (row["category_translations"] or {}).values()]
    for variant in variants:
        texts += [variant["name"], *(text["name"] for text in variant["translations"].values())]
    texts += [row["description"], *(text["description"] for text in translated)]
    await replace_terms(tx, shop, product, texts)
