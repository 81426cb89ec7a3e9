"""What open pages listen to: a webhook's log, and one delivery of it."""

from uuid import UUID

from keystall.tenants.writing import Writing


def webhook_topic(webhook: UUID) -> str:
    """Stands for a webhook's log: a delivery was asked for by hand, or tried."""
    return f"webhook:{webhook}"


def delivery_topic(delivery: UUID) -> str:
    """Stands for one delivery with its tries."""
    return f"webhook_delivery:{delivery}"


def announce_delivery(tx: Writing, webhook: UUID, delivery: UUID) -> None:
    """Tells both, after the commit."""
    tx.announce(webhook_topic(webhook))
    tx.announce(delivery_topic(delivery))
