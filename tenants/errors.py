"""How the domain says no.

A service that will not do what it is asked raises `Refused` with one `UserError` for every reason
it found, after which its transaction has rolled back: nothing has changed. Errors carry a code and
data, never a sentence; the gateway words them in the reader's language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UserError:
    """One reason for a refusal.

    `code` is a SCREAMING_SNAKE constant of the operation's family; `path` names the input field in
    snake_case, list positions as decimal text; `params` fill the worded message.
    """

    code: str
    path: tuple[str, ...] = ()
    params: Mapping[str, str | int] = field(default_factory=dict)


class Refused(Exception):
    """A business refusal; carries at least one `UserError`."""

    def __init__(self, *errors: UserError) -> None:
        super().__init__(", ".join(f"{'.'.join(error.path)}: {error.code}" for error in errors))
        self.errors = errors


def refuse(code: str, *path: str, **params: str | int) -> Refused:
    """The common case: a refusal for one reason."""
    return Refused(UserError(code, path, params))
