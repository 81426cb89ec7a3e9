"""The operator's page table: the installation's shops and their state."""

from keystall.themes.engine import Form, Page

_SHOP = "/operator/shops/{id}"

PAGES: tuple[Page, ...] = (
    Page(name="shops", route="/operator/", surface="operator", permission="operator"),
    Page(
        name="shop",
        route=_SHOP,
        surface="operator",
        permission="operator",
        forms=(
            Form("ShopSuspend", fields=("reason",), success=_SHOP + "?done=suspended"),
            Form("ShopResume", success=_SHOP + "?done=resumed"),
        ),
        requires=("shop",),
    ),
)
