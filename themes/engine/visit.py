"""What the engine is given: who visits, how to run a document, where uploads go.

The composition root makes a `Visit` of each request (shop by Host, viewer by session, permission
checked) and the engine stays ignorant of tenants.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from keystall.themes.engine.pages import Audience, EffectName, Page
from keystall.themes.engine.theme import PLAIN, Look

Variables = dict[str, Any]


@dataclass(frozen=True)
class Effect:
    """A cookie to set beside the answer; `value` None clears it."""

    name: EffectName
    value: str | None


class UploadRefused(Exception):
    """A file that is not kept; `message` is shown at its field, in the visitor's language."""

    def __init__(self, message: str, code: str = "INVALID") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


async def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Visit:
    """One request, seen by a page.

    `values` are facts the visitor cannot choose (cart id, shop): they fill variables of that name,
    and beat every field. `effects` is the list that the executor's context appends to. `release`
    gives the database back and is awaited before rendering; `seen` before it, once the page's query
    was answered. `form_targets` are foreign origins that a form of this page may be sent on to (a
    payment page). `extras` are more names for templates.
    """

    context: Any
    locale: str
    timezone: str = "UTC"
    request_id: str = ""
    look: Look = PLAIN
    values: Mapping[str, str | None] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    form_targets: tuple[str, ...] = ()
    effects: list[Effect] = field(default_factory=list)
    release: Callable[[], Awaitable[None]] = _nothing
    seen: Callable[[], Awaitable[None]] = _nothing


class Answer(Protocol):
    """A GraphQL answer: `data` plain or None, `errors` as in the response, formatted dicts."""

    @property
    def data(self) -> Mapping[str, Any] | None: ...

    @property
    def errors(self) -> Sequence[Mapping[str, Any]] | None: ...


class Execute(Protocol):
    """The gateway's one executor, in process."""

    async def __call__(
        self,
        surface: Audience,
        document: str,
        operation_name: str | None,
        variables: Variables,
        context: Any,
    ) -> Answer: ...


class Keep(Protocol):
    """Keeps pages that are the same for everyone: answers one from memory, or has it drawn."""

    async def __call__(
        self, request: Request, show: Callable[[], Awaitable[Response]]
    ) -> Response: ...


MakeVisit = Callable[[Request, Page], Awaitable[Visit | Response]]
# Raises UploadRefused for a file that is too large or of the wrong kind.
StoreUpload = Callable[[Visit, str, UploadFile], Awaitable[str]]
