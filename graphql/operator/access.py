"""Who may ask the operator's schema."""

from keystall.graphql.context import RequestContext
from keystall.graphql.errors import ApiError, ErrorCode
from keystall.tenants.identity.service import Viewer as Person


def operator_of(context: RequestContext) -> Person:
    """The operator who asks. Raises ApiError for anyone else."""
    person = context.require_person()
    if not person.is_operator:
        raise ApiError(ErrorCode.FORBIDDEN, "Only an operator of the installation can do this.")
    return person
