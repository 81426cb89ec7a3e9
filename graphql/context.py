"""What a resolver knows of the request it serves."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

from strawberry.types import Info as StrawberryInfo

from keystall.graphql.costs.metering import Meter
from keystall.graphql.describing import untaken
from keystall.graphql.errors import ApiError, ErrorCode, unauthenticated
from keystall.graphql.loading import Loader
from keystall.platform.database import Reads
from keystall.tenants.customers.sessions import Customer
from keystall.tenants.identity.service import Viewer as Person
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import StorefrontToken
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.roles import PERMISSIONS, PROGRAM, Permission, Role

KeyT = TypeVar("KeyT", bound=Hashable)
Found = TypeVar("Found")

Batch: TypeAlias = Callable[["RequestContext", Sequence[KeyT]], Awaitable[Mapping[KeyT, Found]]]
"""Reads many at once: what is missing from the mapping is None."""


EffectName = Literal["session", "cart", "bought", "locale", "sign-in"]


class RequestReader(Reads, Protocol):
    """A reader that opens with its first statement, and again with the first after `close`, until
    `finish` ends it for good."""

    def lone(self) -> Reads: ...

    async def close(self) -> None: ...

    async def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What a document asks for below one field: the `batches` that its loaded fields are read by,
    and all `fields`, as "Product.name"; None where they are not known.

    `alone`, which only a root field is: nothing else of the document reads, here or elsewhere.
    """

    batches: frozenset[Batch[Any, Any]] = frozenset()
    fields: frozenset[str] | None = None
    alone: bool = False

    def without(self, kind: type) -> frozenset[str]:
        """The columns that a list of things of a type need not read: see `takes`."""
        return untaken(kind, self.fields)


UNKNOWN = Needs()
"""As little as that where no plan knows more."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that asks with an API token of the shop, for what the token's scopes allow."""

    token_id: UUID
    scopes: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class Effect:
    """A cookie that a page's answer sets beside its result; `value` None clears it."""

    name: EffectName
    value: str | None


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """One request. `shop` None: outside of any shop; `viewer` None: nobody known.

    `role` is the person's in the shop; None for programs and buyers, and outside of any shop.

    `locale` and `currency` are what the answer is worded and priced in.
    `effects` None: over HTTP, where no cookies are set.
    `customer` is who is signed in at the shop itself; nobody, for a guest.
    `storefront_token` is what the code of a site sent along; None on our own pages.
    `meter` takes what operations cost; None for our own pages, which are not metered.
    `held` is the hash of the session's secret that came along, whether it opens anything or not.
    """

    installation: Installation
    reader: RequestReader
    shop: Shop | None
    viewer: Person | Program | None
    locale: str
    currency: str
    request_id: str
    address: str
    user_agent: str = ""
    effects: list[Any] | None = None
    held: bytes = b""
    customer: Customer | None = None
    storefront_token: StorefrontToken | None = None
    meter: Meter | None = None
    role: Role | None = None
    permissions: frozenset[Permission] = field(init=False)
    _loaders: dict[object, Loader[Any, Any]] = field(default_factory=dict)
    _unasked: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        allowed: frozenset[Permission] = frozenset()
        if self.shop is not None and isinstance(self.viewer, Program):
            allowed = self.viewer.scopes & PROGRAM
        elif self.shop is not None and self.viewer is not None and self.role is not None:
            allowed = PERMISSIONS[self.role]
        self.permissions = allowed

    def require_permissions(self, needed: frozenset[Permission]) -> None:
        """Raises ApiError where whoever asks may not do all of it at the shop."""
        if not needed <= self.permissions:
            self.require_shop()
            missing = needed - self.permissions
            names = sorted(one.name for one in missing)
            raise ApiError(
                ErrorCode.FORBIDDEN,
                f"{self._refuser(missing)} does not allow this: it takes {', '.join(names)}.",
                details={"missing": names},
            )

    def _refuser(self, missing: frozenset[Permission]) -> str:
        if self.role is not None:
            return f"Your role ({self.role})"
        return "The scope of this API token" if missing <= PROGRAM else "An API token"

    def require_shop(self) -> Shop:
        """The shop. Raises ApiError where the request is not bound to one."""
        if self.shop is not None:
            return self.shop
        if self.viewer is None:
            raise unauthenticated()
        raise ApiError(ErrorCode.FORBIDDEN, "This request is not bound to a shop.")

    def require_viewer(self) -> Person | Program:
        """Who asks. Raises ApiError for nobody known."""
        if self.viewer is None:
            raise unauthenticated()
        return self.viewer

    def require_person(self) -> Person:
        """Who is signed in. Raises ApiError for anyone else."""
        viewer = self.require_viewer()
        if isinstance(viewer, Program):
            raise ApiError(ErrorCode.FORBIDDEN, "Only a signed-in person can do this.")
        return viewer

    def require_customer(self) -> Customer:
        """Who is signed in at the shop. Raises ApiError for a guest."""
        if self.customer is None:
            raise unauthenticated()
        return self.customer

    @property
    def actor(self) -> str:
        """The name under which what is done is recorded."""
        match self.viewer:
            case Program(token_id=token_id):
                return f"token:{token_id}"
            case None:
                return "buyer"
            case person:
                return str(person.account_id)

    def require_page(self) -> list[Any]:
        """The cookies to set, of a page of the installation. Raises ApiError over HTTP."""
        if self.effects is None:
            raise ApiError(ErrorCode.FORBIDDEN, "Only the pages of the installation can do this.")
        return self.effects

    def effect(self, name: EffectName, value: str | None) -> None:
        """Asks the page to set a cookie; over HTTP nobody sets any."""
        if self.effects is not None:
            self.effects.append(Effect(name, value))

    def once(self, needs: Needs) -> Reads:
        """Where a field with these `needs` reads by one statement, whose `$1` is the shop: in one
        round trip instead of three where that is all that the whole document reads."""
        return self.reader.lone() if needs.alone and not needs.batches else self.reader

    def leave_out(self, unasked: Mapping[str, frozenset[str]]) -> None:
        """Reads for a document that takes none of these columns, by type. What was read for another
        one is forgotten."""
        if unasked != self._unasked:
            self._unasked = unasked
            self._loaders.clear()

    def without(self, kind: str) -> frozenset[str]:
        """The columns that a thing of a type of the schema need not be read with where it is looked
        up: nobody in the document takes them. Who looks one up shares it with all others who do, so
        `Needs.without`, which knows one field only, is for lists."""
        return self._unasked.get(kind, frozenset())

    async def load(self, batch: Batch[KeyT, Found], key: KeyT) -> Found | None:
        """One of what `batch` reads, together with all others asked for in the same moment."""
        (found,) = await self._loader(batch).load((key,))
        return found

    async def load_all(
        self, batch: Batch[KeyT, Found], keys: Sequence[KeyT | None]
    ) -> list[Found | None]:
        """The same for several."""
        return await self._loader(batch).load(keys)

    def known(
        self, batch: Batch[KeyT, Found], keys: Sequence[KeyT | None]
    ) -> list[Found | None] | None:
        """The same where all of it was read before; None where something was not."""
        return self._loader(batch).known(keys)

    def prime(self, batch: Batch[KeyT, Found], found: Mapping[KeyT, Found | None]) -> None:
        """Takes what was read otherwise for what `batch` would read."""
        self._loader(batch).prime(found)

    async def renew(self) -> None:
        """Reads afresh from here on: after a mutation the old snapshot is no longer true."""
        self._loaders.clear()
        await self.reader.close()

    def _loader(self, batch: Batch[KeyT, Found]) -> Loader[KeyT, Found]:
        loader = self._loaders.get(batch)
        if loader is None:
            loader = self._loaders[batch] = Loader(partial(batch, self))
        return loader


class Info(StrawberryInfo[RequestContext, None]):
    """What a resolver is told of the request, and of what is asked for."""

    @property
    def needs(self) -> Needs:
        """What is asked for below this field, as far as it is known beforehand."""
        found: Needs = getattr(self._raw_info, "needs", UNKNOWN)
        return found
