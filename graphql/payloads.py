"""Rendering what webhooks send: their documents, asked of the merchants' schema.

A document is rendered with the permissions that it took when it was saved
(`graphql/webhook_documents.py`), and with the one that the thing takes which the event names.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson

from keystall.graphql import arrival
from keystall.graphql.admin.schema import schema
from keystall.graphql.arrival import Caller
from keystall.graphql.ids import encode
from keystall.graphql.operation import READING, run
from keystall.graphql.permissions import TYPES
from keystall.tenants.installation import Installation
from keystall.tenants.staff.roles import WEBHOOK, Permission
from keystall.tenants.webhooks.events import subject_of
from keystall.tenants.webhooks.port import Asked, PayloadUnrendered


class AdminPayloads:
    """Renders what webhooks send, as the merchants' schema answers it."""

    async def render(self, installation: Installation, asked: Asked) -> str:
        """`{"type", "timestamp", "data"}` as Standard Webhooks has it, and `"test": true` of a
        test. Raises PayloadUnrendered where the document comes to errors."""
        caller = Caller(request_id=uuid4().hex, address="")
        subject = subject_of(asked.event)
        given = WEBHOOK & {TYPES[subject], *(Permission(name) for name in asked.permissions)}
        context = await arrival.by_webhook(installation, asked.shop, given, caller)
        variables = {"id": encode(subject, asked.subject)}
        try:
            answer = await run(
                schema, asked.document, variables, context, operation_name=None, allowed=READING
            )
        finally:
            await context.reader.finish()
        if answer.errors or answer.data is None:
            raise PayloadUnrendered(_codes(answer.errors))
        return orjson.dumps(
            {
                "type": asked.event,
                "timestamp": asked.happened_at.isoformat().replace("+00:00", "Z"),
                "data": answer.data,
                **({"test": True} if asked.test else {}),
            }
        ).decode()


def _codes(errors: Any) -> str:
    """The codes of errors: their messages could hold what is nobody's to log."""
    codes: list[Mapping[str, Any]] = [error.get("extensions", {}) for error in errors]
    return ", ".join(sorted({str(code.get("code", "INVALID")) for code in codes}))
