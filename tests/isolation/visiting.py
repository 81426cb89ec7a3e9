"""The pages of one shop, visited with another shop's addresses, ids and words.

Made from the page tables: every row, every form of it, every hole of its address, every place of a
form that takes an id. What nothing here can fill is an error, so that no new page is forgotten.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import httpx2
from graphql import FieldNode, GraphQLArgument, GraphQLInputType

from keystall.graphql.ids import decode, encode
from keystall.platform.ids import new_id
from keystall.themes.engine import Form, Page, alias
from keystall.themes.engine.codec import variable_types
from keystall.themes.engine.documents import load_document
from tests.isolation.asking import Filled, Path, id_places, kind_of
from tests.isolation.goods import Goods
from tests.isolation.leaks import Shops, built

_NEW = re.compile(r"new-\d+-word|(?<=>)[^<]*(?=</time>)")
"""What the forms are filled with where each time something new is asked for, and how long ago
something was."""

Fields = tuple[tuple[str, str], ...]
Values = dict[str, str]

_CHOSEN = {"letter": "ORDER_DELIVERED", "language": "zh-CN"}
"""Holes that are filled with words of the product's, the same for every shop."""

_VISIT = frozenset({"cartId", "buying", "boughtId", "session", "step"})
"""Variables that a visit fills, whatever is sent."""


@dataclass(frozen=True)
class Call:
    """One request. `fields` None: a GET; `given` is what its sender knows anyway."""

    url: str
    session: str = ""
    cart: str = ""
    fields: Fields | None = None
    given: tuple[str, ...] = ()


def holes(page: Page) -> list[str]:
    """The names in a page's address."""
    return re.findall(r"{(\w+)}", page.route)


def is_shop(page: Page, hole: str) -> bool:
    """Whether a hole names the shop itself."""
    return page.surface == "console" and hole == "slug"


def named(page: Page) -> list[str]:
    """The holes that name something of a shop's."""
    ours = ("l", *_CHOSEN)
    return [hole for hole in holes(page) if hole not in ours and not is_shop(page, hole)]


def own_values(goods: Goods, page: Page) -> list[Values]:
    """What a page's address says of a shop's own things; one for each order where one is named."""
    choices = [_values(goods, page, hole) for hole in holes(page)]
    return [dict(zip(holes(page), one, strict=True)) for one in itertools.product(*choices)]


def _values(goods: Goods, page: Page, hole: str) -> list[str]:
    if hole == "l":
        return ["en"]
    if hole in _CHOSEN:
        return [_CHOSEN[hole]]
    if is_shop(page, hole):
        return [goods.shop.slug]
    if hole == "token":
        return [word for key, word in goods.words.items() if key.endswith("token")]
    if hole == "link":
        return [goods.words["customer link"]]
    if hole == "begun":
        return [alias(goods.ids["Cart"])]
    if hole == "slug":
        return [goods.words[{"product": "slug", "category": "categorySlug"}[page.name]]]
    return [goods.ids[kind_of(page.requires[0], (hole,))]]


def foreign_ids(goods: Goods) -> list[tuple[str, str]]:
    """Every kind of id that there is of a shop, with its name."""
    others = ("an uploaded file", goods.codes_file), ("a completed Cart", goods.completed_cart)
    return [*goods.ids.items(), *others]


def unknown(value: str) -> str:
    """What looks like `value` and names nothing."""
    kind, _ = decode(value)
    if kind:
        return encode(kind, new_id())
    return value[:-4] + ("aaaa" if value[-4:] != "aaaa" else "bbbb")


@dataclass(frozen=True)
class Sheet:
    """A form with the types of what it sends; `fixed` is what its page's address fills."""

    page: Page
    form: Form

    def _operations(self) -> Iterator[tuple[str, Mapping[str, GraphQLInputType]]]:
        document = load_document(self.page)
        for name in self.form.mutations:
            operation = document.operations[name]
            (root,) = operation.selection_set.selections
            assert isinstance(root, FieldNode)
            yield root.name.value, variable_types(built(self.page.audience), operation)

    def _sends(self, path: Path) -> bool:
        fixed = path[0] in _VISIT or path[0] in holes(self.page)
        return not fixed and any(self.form.declares(name) for name in _spellings(path))

    def takes(self, hole: str) -> bool:
        """Whether a mutation hears what a hole of the address says."""
        return any(hole in kinds for _, kinds in self._operations())

    def places(self) -> list[Path]:
        """Every place of the form that takes an id; one that two mutations share is one."""
        return list(
            dict.fromkeys(
                place
                for _, kinds in self._operations()
                for name, kind in kinds.items()
                for place in id_places(kind, (name,))
                if self._sends(place)
            )
        )

    def kind(self, place: Path) -> str:
        """What kind of id a place takes."""
        return next(kind_of(root, place) for root, kinds in self._operations() if place[0] in kinds)

    def fields(self, ids: Mapping[str, str], *forced: tuple[Path, str]) -> Fields:
        """What is required, filled in with `ids`, and what is `forced` at its place."""
        found: dict[str, list[str]] = {}
        for root, kinds in self._operations():
            arguments = {name: GraphQLArgument(kind) for name, kind in kinds.items()}
            for place, given in forced or [(None, "")]:
                here = place if place and place[0] in kinds else None
                values = Filled(root, ids, here, given).of(arguments)
                for name, texts in _flat(values):
                    if here is not None or name not in found:
                        found[name] = texts
        sendable = [
            (name, text)
            for name, texts in found.items()
            for text in texts
            if self.form.declares(name) and name.split(".")[0] not in (*holes(self.page), *_VISIT)
        ]
        return (("form", self.form.mutation), *sendable)


def _spellings(path: Path) -> list[str]:
    """How a form may call a place: each step but the last one a list's row, or not."""
    steps = path[1:] if path[0] == "input" else path
    ways = itertools.product(*([step, f"{step}.0"] for step in steps[:-1]))
    return [".".join((*way, steps[-1])) for way in ways]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _flat(below, f"{name}.{key}" if name and name != "input" else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for at, below in enumerate(value):
            yield from _flat(below, f"{name}.{at}")
    elif isinstance(value, list):
        yield name, [str(one) for one in value]
    else:
        yield name, ["on" if value is True else str(value)]


@dataclass
class Visiting:
    """Visits as the other shop's neighbour. `session`: of the one who runs `shops.mine`."""

    shops: Shops
    web: httpx2.AsyncClient
    session: str
    forms: bool = True
    tried: int = 0
    sent: set[str] = field(default_factory=set)

    def address(self, page: Page, values: Values, goods: Goods, route: str = "") -> str:
        """Where a page is: storefronts on their shop's own host."""
        settings = self.shops.installation.settings
        shops_own = page.surface == "storefront"
        host = settings.shop_url(goods.shop.slug) if shops_own else settings.public_url
        return host + (route or page.route).format(**values)

    async def ask(self, call: Call) -> httpx2.Response:
        """The answer to one call."""
        self.tried += 1
        cookies = {"session": call.session, "cart": call.cart}
        if "/buy/" in call.url:
            mine, theirs = self.shops.mine, self.shops.theirs
            begun = [mine.ids["Cart"], theirs.ids["Cart"], theirs.completed_cart, call.cart]
            cookies["buying"] = ".".join(begun)
        headers = {"cookie": "; ".join(f"{name}={one}" for name, one in cookies.items() if one)}
        if call.fields is None:
            return await self.web.get(call.url, headers=headers)
        headers |= {
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
        }
        return await self.web.post(call.url, headers=headers, content=urlencode(call.fields))

    async def page(self, page: Page) -> list[str]:
        """Everything that can be tried with one page: what was wrong with the answers."""
        found = []
        for where, there, nowhere in self._addresses(page):
            pair = [
                Call(
                    self.address(page, values, self.shops.mine),
                    self.session, self.shops.mine.ids["Cart"], None, tuple(values.values()),
                )
                for values in (there, nowhere)
            ]  # fmt: skip
            found += await self._both(f"{page.surface} {page.name} at {where}", *pair)
            for topic in page.topics if there != nowhere else ():
                streams = [
                    replace(call, url=self.address(page, values, self.shops.mine, topic))
                    for call, values in zip(pair, (there, nowhere), strict=True)
                ]
                found += await self._both(f"events of {page.name} at {where}", *streams)
            wrong = {hole: value for hole, value in there.items() if value != nowhere[hole]}
            if self.forms and self._fits(page, wrong):
                found += await self._forms(page, wrong, pair)
        if self.forms:
            found += await self._fields(page)
        return found + await self._carts(page)

    def _addresses(self, page: Page) -> Iterator[tuple[str, Values, Values]]:
        """Where, the values there and those of nowhere."""
        mine, theirs = self.shops.mine, self.shops.theirs
        if any(is_shop(page, hole) for hole in holes(page)):
            for values in own_values(theirs, page):
                yield (
                    "the other's address",
                    values,
                    {h: v if h in _CHOSEN else unknown(v) for h, v in values.items()},
                )
        own = own_values(mine, page)[0]
        yield "her own address", own, own
        for hole in named(page):
            words = hole in ("slug", "token", "link")
            for what, value in list(theirs.words.items()) if words else foreign_ids(theirs):
                if hole == "begun":
                    value = alias(value)
                yield f"{hole} of {what}", own | {hole: value}, own | {hole: unknown(value)}

    def _fits(self, page: Page, wrong: Values) -> bool:
        """Whether there is a page of the other's at what is wrong: the rest is looked at only."""
        homes = own_values(self.shops.theirs, page)
        return any(wrong.items() <= home.items() for home in homes)

    async def _forms(self, page: Page, wrong: Values, pair: list[Call]) -> list[str]:
        """Each form of a page at an address that is wrong. Where a mutation hears of what is wrong,
        that is all that is wrong; else what is sent is the other's, too."""
        found = []
        at_other = any(is_shop(page, hole) for hole in wrong)
        for form in page.forms if wrong else ():
            sheet = Sheet(page, form)
            heard = not at_other and any(sheet.takes(hole) for hole in wrong)
            fields = sheet.fields(self.shops.mine.ids if heard else self.shops.theirs.ids)
            known = tuple(text for _, text in fields)
            sent = [replace(call, fields=fields, given=call.given + known) for call in pair]
            where = f"{page.surface} {page.name} at the wrong {'/'.join(wrong)}"
            found += await self._both(f"{where}, {form.mutation}", *sent)
        return found

    async def _fields(self, page: Page) -> list[str]:
        """The other's ids in forms of her own pages."""
        found = []
        mine = self.shops.mine
        at = Call(
            self.address(page, own_values(mine, page)[0], mine), self.session, mine.ids["Cart"]
        )
        for form in page.forms:
            sheet = Sheet(page, form)
            ways = [
                (place, what, value)
                for place in sheet.places()
                for what, value in foreign_ids(self.shops.theirs)
                if decode(value)[0] == sheet.kind(place)
            ]
            assert {place for place, _, _ in ways} == set(sheet.places()), form
            for place, what, value in ways:
                pair = [
                    replace(at, fields=sheet.fields(mine.ids, (place, one)), given=(one,))
                    for one in (value, unknown(value))
                ]
                assert any(value == text for _, text in pair[0].fields or ()), (form, place)
                self.sent.add(f"{page.surface} {page.name} {form.mutation} {'.'.join(place)}")
                where = f"{page.surface} {page.name}, {form.mutation}({'.'.join(place)})"
                found += await self._both(f"{where} with {what}", *pair, refused=True)
        return found

    async def _carts(self, page: Page) -> list[str]:
        """The other's carts in the cookie of a buyer here."""
        if page.surface != "storefront":
            return []
        found = []
        mine, theirs = self.shops.mine, self.shops.theirs
        url = self.address(page, own_values(mine, page)[0], mine)
        for cart in (theirs.ids["Cart"], theirs.completed_cart):
            pair = [Call(url, cart=one, given=(one,)) for one in (cart, unknown(cart))]
            found += await self._both(f"{page.name} with a cart", *pair)
            for form in page.forms if self.forms else ():
                if any(name.startswith("lines.*.variantId") for name in form.fields):
                    continue  # starts a cart of her own, as without any: tried with a variant
                if "session" in form.effects:
                    continue  # signs herself in or out, which no cart has a part in
                fields = Sheet(page, form).fields(theirs.ids)
                given = tuple(text for _, text in fields)
                sent = [replace(call, fields=fields, given=(*call.given, *given)) for call in pair]
                found += await self._both(f"{page.name} with a cart, {form.mutation}", *sent)
        return found

    async def _both(
        self, where: str, there: Call, nowhere: Call, *, refused: bool = False
    ) -> list[str]:
        answer, missing = await self.ask(there), await self.ask(nowhere)
        found = []
        if self._told(answer, there) != self._told(missing, nowhere):
            found.append(f"{where}: is not answered like what is missing")
        if (refused and answer.status_code < 400) or answer.status_code >= 500:
            found.append(f"{where}: is answered {answer.status_code}")
        text = " ".join(map(str, self._told(answer, there))).lower()
        if any(needle.lower() in text for needle in self._needles()):
            found.append(f"{where}: tells of the other shop")
        return found

    def _told(self, answer: httpx2.Response, call: Call) -> tuple[object, ...]:
        """All of an answer but what is new each time and what the sender has said herself."""
        changing = {"x-request-id", "content-length", "etag", "date"}
        parts = [
            answer.text, *(f"{k}: {v}" for k, v in answer.headers.items() if k not in changing)
        ]  # fmt: skip
        known = {answer.headers.get("x-request-id", ""), *call.given} - {"", "en"}
        for word in sorted(known, key=len, reverse=True):
            parts = [part.replace(word, "…") for part in parts]
        parts = [_NEW.sub("…", part) for part in parts]
        return (answer.status_code, *parts)

    def _needles(self) -> Iterable[str]:
        theirs = self.shops.theirs
        return (theirs.canary, theirs.owner.email, *theirs.ids.values(), theirs.codes_file)
