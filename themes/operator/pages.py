"""The operator's page table: the installation's shops, what failed, and who did what."""

from keystall.themes.engine import Form, Page

_SHOP = "/operator/shops/{id}"
_FORBIDDEN = "/operator/forbidden-goods"

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
            Form("ShopApprove", success=_SHOP + "?done=approved"),
            Form("ShopDecline", fields=("reason",), success=_SHOP + "?done=declined"),
            Form("ShopLook", success=_SHOP + "?done=looked"),
        ),
        requires=("shop",),
    ),
    Page(
        name="work",
        route="/operator/failed-work",
        surface="operator",
        permission="operator",
        forms=(
            Form("WorkRetryAll", fields=("kind",), success="/operator/failed-work?done=retried"),
            Form(
                "WorkDropAll", fields=("kind", "note"), success="/operator/failed-work?done=dropped"
            ),
            Form("MailTest", fields=("email",), shows=True),
        ),
    ),
    Page(
        name="work_item",
        route="/operator/failed-work/{id}",
        surface="operator",
        permission="operator",
        forms=(
            Form("WorkRetry", success="/operator/failed-work?done=retried"),
            Form("WorkDrop", fields=("note",), success="/operator/failed-work?done=dropped"),
        ),
        requires=("failedWorkItem",),
    ),
    Page(
        name="forbidden_goods",
        route=_FORBIDDEN,
        surface="operator",
        permission="operator",
        forms=(
            Form(
                "ForbiddenTermAdd",
                fields=("term", "reason"),
                success=_FORBIDDEN + "?done=forbidden",
            ),
            Form("ForbiddenTermRemove", fields=("id",), success=_FORBIDDEN + "?done=allowed"),
            Form("ForbiddenTextTry", fields=("text", "term"), shows=True),
            Form("ListingStop", fields=("id", "reason"), success=_FORBIDDEN + "?done=stopped"),
        ),
    ),
    Page(
        name="persons",
        route="/operator/persons",
        surface="operator",
        permission="operator",
        forms=(
            Form("PersonPreview", fields=("email",), shows=True),
            Form("PersonErase", fields=("email", "note"), success="/operator/persons?done=erased"),
        ),
        query=False,
    ),
    Page(name="record", route="/operator/record", surface="operator", permission="operator"),
)
