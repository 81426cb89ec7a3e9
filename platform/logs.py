"""Structured logs: one line an event, with the request's id and the shop, never with a secret.

JSON for machines, coloured lines for a terminal. What other libraries log through `logging` comes
out the same way. Context is bound with `structlog.contextvars.bind_contextvars(shop=…)`.
"""

import io
import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TextIO

import orjson

from keystall.platform.settings import Settings
from keystall.platform.spared import structlog

_SECRET_NAMES = (
    "password", "secret", "token", "authorization", "cookie", "api_key", "private_key", "data_key",
    "signature", "plaintext",
)  # fmt: skip
_SECRET_EXACTLY = frozenset({"code", "codes", "key", "body"})
HIDDEN = "[hidden]"
_DETAIL = re.compile(r"\nDETAIL:.*", re.DOTALL)


def hide_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Replace values whose name says that they are secret; a net below care, not instead of it."""
    for name in event:
        if _is_secret(name):
            event[name] = HIDDEN
    return event


@lru_cache(maxsize=1024)  # names stand in our code: they are few, and come in every line
def _is_secret(name: str) -> bool:
    lowered = name.lower()
    return lowered in _SECRET_EXACTLY or any(part in lowered for part in _SECRET_NAMES)


def _as_json(event: Any, default: Any) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except TypeError:  # what orjson does not know: keys that are no text, numbers without end
        return json.dumps(event, default=default)


def hide_details(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Cut what PostgreSQL adds to a violated constraint: the values of the row."""
    for raised in event.get("exception") or ():
        if isinstance(raised, dict):
            raised["exc_value"] = _DETAIL.sub("", str(raised.get("exc_value", "")))
    return event


def _plain_traceback(target: TextIO, exc_info: Any) -> None:
    whole = io.StringIO()
    structlog.dev.plain_traceback(whole, exc_info)
    target.write(_DETAIL.sub("", whole.getvalue()))


def _tells_no_address(record: logging.LogRecord) -> bool:
    """Leaves out what uvicorn says of each WebSocket: that has the query, and ours has not."""
    return "WebSocket %s" not in str(record.msg)


def configure_logs(settings: Settings) -> None:
    """Set up logging for this process. Call once, before the first line is logged."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    render: list[structlog.typing.Processor]
    if settings.log_format == "json":
        # Without local variables: among them are codes and passwords.
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        render = [
            structlog.processors.ExceptionRenderer(frames),
            hide_details,
            structlog.processors.JSONRenderer(_as_json),
        ]
    else:
        render = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=_plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    # Their lines repeat ours, and arq's and httpx's carry arguments and addresses.
    for noisy in (
        "uvicorn.access", "httpx", "httpcore", "arq.worker", "tortoise", "asyncio",
        "stripe",
    ):  # fmt: skip
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_tells_no_address)
