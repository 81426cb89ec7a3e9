"""The headers of a request, read once."""

from collections.abc import Mapping

from starlette.types import Scope

_READ = "keystall.headers"


def headers_of(scope: Scope) -> Mapping[str, str]:
    """What each header of a request or a WebSocket says, by its name in small letters; of several
    of one name the first. Starlette looks through all of them for every one that is asked for, and
    an API's request is asked for fourteen."""
    state = scope.setdefault("state", {})
    read: Mapping[str, str] | None = state.get(_READ)
    if read is None:
        read = state[_READ] = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(scope["headers"])
        }
    return read
