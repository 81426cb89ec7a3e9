"""What the sending of webhooks needs from the gateway, which a door wires."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from keystall.tenants.installation import Installation


@dataclass(frozen=True, slots=True)
class Asked:
    """What a payload is made of. `subject` is the row that the event names, `permissions` all that
    the document is rendered with."""

    shop: UUID
    event: str
    subject: UUID
    happened_at: datetime
    document: str
    permissions: frozenset[str]
    test: bool = False


class PayloadUnrendered(Exception):
    """The document came to errors; `args[0]` says to which, in a form that holds no data."""


class Payloads(Protocol):
    """Renders the body of a delivery."""

    async def render(self, installation: Installation, asked: Asked) -> str:
        """The JSON that is sent. Raises PayloadUnrendered."""
        ...
