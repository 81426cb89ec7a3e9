"""Resolvers that answer only those who may ask."""

from collections.abc import Callable
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
