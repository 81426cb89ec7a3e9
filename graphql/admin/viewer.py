"""Who asks."""

from keystall.graphql.admin.sessions import Session, sessions_of
from keystall.graphql.admin.shop import Shop, shop
from keystall.graphql.context import Info, RequestContext
from keystall.graphql.describing import described, object_type, resolver
from keystall.tenants.identity.service import Viewer as Person
from keystall.tenants.shops import queries


@object_type
class Viewer:
    """The person or program that asks."""

    email: str | None = described("The person's email address; null for an API token.")
    locale: str = described("The language the person chose; the request's for an API token.")

    @resolver
    async def shops(self, info: Info) -> list[Shop]:
        """The shops the viewer may run, newest first."""
        context = info.context
        viewer = context.require_viewer()
        if isinstance(viewer, Person):
            found = await queries.shops_of(context.reader, viewer.secret_hash)
        else:
            found = [context.require_shop()]
        return [shop(context, facts) for facts in found]

    @resolver
    async def sessions(self, info: Info) -> list[Session]:
        """Where the viewer is signed in, this browser first; for people only."""
        return await sessions_of(info.context)


def viewer(context: RequestContext) -> Viewer | None:
    """The asking person or program; None for nobody known."""
    asking = context.viewer
    if asking is None:
        return None
    if isinstance(asking, Person):
        return Viewer(email=asking.email, locale=asking.locale)
    return Viewer(email=None, locale=context.locale)
