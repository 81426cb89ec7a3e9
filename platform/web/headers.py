"""The headers of a request, read once."""

from collections.abc import Mapping

from starlette.types import Scope

_READ = "keystall.headers"


def headers_of(scope: Scope) -> Mapping[str, str]:
    """What each header of a request or a WebSocket says, by its name in small letters; of several
    of one name the first. Starlette looks through all of them for every one that is asked for, and
    an API's request is asked for fourteen."""
    state, sent = scope.setdefault("state", {}), scope["headers"]
    of, read = state.get(_READ, (None, {}))
    if of is not sent:  # Who refuses cookies puts others in their place.
        read = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(sent)}
        state[_READ] = sent, read
    told: Mapping[str, str] = read
    return told
