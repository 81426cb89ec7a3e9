"""The typed page table: one row a page, one query and one template behind each row.

A row says everything about a page that its query and its template cannot say: where it lives, who
may see it, how long it may be kept, which live topics it listens to, and what its forms do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

Surface = Literal["storefront", "console", "accounts", "operator"]
Audience = Literal["storefront", "admin", "operator"]
EffectName = Literal["session", "cart", "buying", "bought", "locale", "currency", "sign-in"]

# One spelling a number: rows are found again by it.
_INDEX = "(?:0|[1-9][0-9]{0,3})"
_AUDIENCES: Mapping[Surface, Audience] = {
    "storefront": "storefront",
    "console": "admin",
    "accounts": "admin",
    "operator": "operator",
}


class Cache(StrEnum):
    """Who may keep a page. The value is the Cache-Control header."""

    NEVER = "private, no-store"
    VISITOR = "private, no-cache"
    EVERYONE = "public, max-age=0, must-revalidate"


@dataclass(frozen=True)
class Form:
    """One form of a page: a mutation of the page's document and the fields it takes.

    `mutation` names an operation in `<page>.graphql`; it is also the value of the hidden `form`
    field. `fields` are dotted input names, `*` standing for a list index ("tags.*.name"); those
    of a variable called `input` are written without it. `success` is an address with
    `{name}` holes, filled from the path, the visit and the mutation's answer
    ("/{l}/order/{cartComplete.order.token}"); a success that is one hole is an address itself, and
    `{here}` is this page; `success_else` is where to go when a hole of `success` is null.

    `before` are mutations run first on the same fields, a refusal of which ends it there.
    `otherwise` is run instead where the visit has no value for `mutation` (no cart yet), or after
    a refusal with one of the codes `gone` (that cart has become an order).

    `detour` is an address with holes like `success` that is gone to first, where no hole of it is
    null; the `to` of the query string goes along.

    `returns` goes to the `to` of the query string instead, where that is a path of this site.
    `shows`: there is nowhere to go on to, for the answer is seen here and once (a secret, a
    preview): the page comes back at once with it as `answers.<mutation>`.
    `blank` names fields that say "" when they were emptied, and lists that say [] when nothing of
    them came, where null or nothing would leave things as they are.
    `beside` has the cookie of one name kept under another, with those before it: a cart that is
    started beside the buyer's. In `success`, `{begun}` is what stands for it in an address.
    `pasted` maps texts that become an upload as they arrive, so that they are never echoed, to
    the field that takes the upload's id.
    """

    mutation: str
    fields: tuple[str, ...] = ()
    success: str = "{here}"
    effects: frozenset[EffectName] = frozenset()
    beside: Mapping[EffectName, EffectName] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()
    uploads: frozenset[str] = frozenset()
    success_else: str = ""
    detour: str = ""
    before: tuple[str, ...] = ()
    otherwise: str = ""
    gone: frozenset[str] = frozenset()
    returns: bool = False
    shows: bool = False
    blank: frozenset[str] = frozenset()
    pasted: Mapping[str, str] = field(default_factory=dict)

    @property
    def mutations(self) -> tuple[str, ...]:
        """Every operation that the form may run, in order."""
        return (*self.before, self.mutation, *([self.otherwise] if self.otherwise else []))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        names = (re.escape(name).replace(r"\*", _INDEX) for name in self.fields)
        return re.compile("|".join(names) or r"(?!)")

    def declares(self, name: str) -> bool:
        """True where the form may carry the field `name` ("variants.0.sku")."""
        return name in self.pasted or self._pattern.fullmatch(name) is not None

    def is_secret(self, name: str) -> bool:
        """True for fields never echoed into a page: passwords, codes."""
        return re.sub(r"\.\d+(?=\.|$)", ".*", name) in self.secret


@dataclass(frozen=True)
class Page:
    """One row of the page table.

    `name` finds `themes/<surface>/<name>.graphql` and `.html`. `permission` is handed to the visit
    maker, which answers for it. `topics` are addresses of event streams with path holes. `requires`
    are dotted result fields: null means 404. A page without a document has `query=False`.
    `like` names another page of the surface whose query and template this one shares.
    `largest_upload` are bytes that a request may have where a form takes files. `shows_mail`:
    there is a mail in a sandboxed frame, which is under the page's policy, its styles inline.
    """

    name: str
    route: str
    surface: Surface
    permission: str = ""
    cache: Cache = Cache.NEVER
    topics: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    requires: tuple[str, ...] = ()
    query: bool = field(default=True)
    like: str = ""
    largest_upload: int = 16 * 1024 * 1024
    shows_mail: bool = False

    @property
    def audience(self) -> Audience:
        """The schema that the page's document is written against."""
        return _AUDIENCES[self.surface]

    @property
    def stem(self) -> str:
        """What its files are called."""
        return self.like or self.name

    @property
    def template(self) -> str:
        """Template name, relative to `themes/`."""
        return f"{self.surface}/{self.stem}.html"

    def form(self, name: str) -> Form | None:
        """The form called `name`, or None."""
        return next((form for form in self.forms if form.mutation == name), None)
