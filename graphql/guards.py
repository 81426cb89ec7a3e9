"""Resolvers that answer only those who may ask, apart from the question who that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keystall.graphql.context import RequestContext
from keystall.tenants.staff.roles import Permission


@dataclass(frozen=True, slots=True)
class Guarded:
    """A resolver for those only who have all that is `needed`."""

    needed: frozenset[Permission]
    resolve: Callable[..., Any]

    def __call__(self, source: Any, info: Any, **given: Any) -> Any:
        self.allow(info)
        return self.resolve(source, info, **given)

    def allow(self, info: Any) -> None:
        """Raises ApiError for anyone else."""
        context: RequestContext = info.context
        if not self.needed <= context.permissions:
            context.require_permissions(self.needed)


@dataclass(frozen=True, slots=True)
class GuardedKinds:
    """What an interface turns out to be is answered to whoever may see things of that type."""

    needed: Mapping[str, Permission | None]
    resolve_type: Callable[..., Any]

    def __call__(self, value: Any, info: Any, kind: Any) -> Any:
        name = self.resolve_type(value, info, kind)
        self.allow(name, info)
        return name

    def allow(self, name: str, info: Any) -> None:
        """Raises ApiError for whoever may not see things of the type `name`."""
        wanted = self.needed[name]
        if wanted is not None:
            context: RequestContext = info.context
            context.require_permissions(frozenset({wanted}))
