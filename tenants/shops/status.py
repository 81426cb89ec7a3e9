"""Whether a shop sells, and who may change that. Pure.

The database's functions, which alone write a shop's state, keep the same rules; a test compares.

    pending  -> open (approved) | declined              where shops are approved before they open
    declined -> pending (asked again) | open (approved)
    open    <-> closed                                   the merchant's own
    any     <-> suspended                                back to what it was before
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

ShopStatus = Literal["pending", "declined", "open", "closed", "suspended"]
Approval = Literal["before", "after"]
Deed = Literal["approve", "decline", "ask", "open", "close", "suspend", "resume"]

_MOVES: Mapping[tuple[ShopStatus, Deed], ShopStatus] = MappingProxyType(
    {
        ("pending", "approve"): "open",
        ("declined", "approve"): "open",
        ("pending", "decline"): "declined",
        ("declined", "ask"): "pending",
        ("open", "close"): "closed",
        ("closed", "open"): "open",
        # Said again, they change nothing and are no mistake.
        ("open", "open"): "open",
        ("closed", "close"): "closed",
    }
)


def first_status(approval: Approval) -> ShopStatus:
    """What a new shop is."""
    return "pending" if approval == "before" else "open"


def status_after(
    status: ShopStatus, deed: Deed, before: ShopStatus | None = None
) -> ShopStatus | None:
    """What a shop is after `deed`, `before` being what it was when it was suspended; None where the
    deed is not possible."""
    if deed == "suspend":
        return None if status == "suspended" else "suspended"
    if deed == "resume":
        return (before or "open") if status == "suspended" else None
    return _MOVES.get((status, deed))
