"""The pages of the reference, drawn from the facts when they are first asked for, then kept."""

from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from keystall.graphql.costs.metering import MAX_COST
from keystall.graphql.errors import MEANINGS
from keystall.graphql.executor import SCHEMAS, Surface
from keystall.graphql.reference.facts import ORIGIN, facts, sentence
from keystall.graphql.refusals import CODES

BASE = "/graphql/reference"
_HERE = resources.files("keystall.graphql.reference")

AUDIENCES = {
    "storefront": "What buyers see and do, at each shop's own address. Anyone may ask.",
    "admin": "What a merchant's own programs do. An API token says whose shop it is.",
    "operator": "The operator desk of the installation, for its operators.",
}


def _told(text: str) -> Markup:
    """A description as HTML: what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part)
        for at, part in enumerate(parts)
    )


def _first(text: str) -> str:
    """The first sentence of a description."""
    return text.partition(". ")[0].rstrip(".") + "."


def _template(name: str) -> str:
    return (_HERE / "templates" / PurePosixPath(name).name).read_text("utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_template),
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"told": _told, "first_sentence": _first}
    made.globals |= {"base": BASE, "max_cost": MAX_COST}
    return made


@cache
def paths(surface: Surface) -> frozenset[str]:
    """The addresses of a schema's pages, below its own; "" is its index."""
    known = facts(surface)
    operations = {f"{root}/{name}" for root, all_of in known.operations.items() for name in all_of}
    return frozenset({"", "errors", *operations, *(f"type/{name}" for name in known.kinds)})


def page(surface: Surface, path: str, origin: str) -> str | None:
    """A page of the reference; None where there is none. `origin`: where the API is asked."""
    if path not in paths(surface):
        return None
    return _drawn(surface, path).replace(ORIGIN, str(escape(origin)))


@cache
def _drawn(surface: Surface, path: str) -> str:
    known = facts(surface)
    kind, _, name = path.partition("/")
    common = {"surface": surface, "facts": known, "audience": AUDIENCES[surface]}
    if not path:
        return _environment().get_template("index.html").render(common)
    if kind == "errors":
        codes = [(code, meaning, sentence(code)) for code, meaning in CODES.items()]
        enums = {one.name for entry in known.kinds.values() for one in entry.fields}
        return (
            _environment()
            .get_template("errors.html")
            .render(
                common,
                top=[(code.value, meaning) for code, meaning in MEANINGS.items()],
                codes=[one for one in codes if one[0] in enums],
            )
        )
    if kind == "type":
        return _environment().get_template("type.html").render(common, kind=known.kinds[name])
    operation = known.operations[kind][name]
    return _environment().get_template("operation.html").render(common, operation=operation)


@cache
def entrance(shop_address: str) -> str:
    """The page that leads to the three schemas. `shop_address`: how a shop's address looks."""
    return (
        _environment()
        .get_template("entrance.html")
        .render(surfaces=list(SCHEMAS), audiences=AUDIENCES, shop_address=shop_address)
    )


@cache
def styles() -> bytes:
    """The pages' style sheet."""
    return (_HERE / "reference.css").read_bytes()
