"""Jinja, set up once: a plain, synchronous, autoescaped environment for each language.

Texts and filters are bound to the language's environment, so that macros loaded once as modules
(`ui`, `goods`) speak it too. Data is plain: on a dict, `a.b` is the item `b` and never a method.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import Template
from jinja2.runtime import Context
from markupsafe import (  # type: ignore[attr-defined]  # it exports not what `escape` does of text
    Markup,
    _escape_inner,
    escape,
)

from keystall.platform.markdown import render_markdown
from keystall.themes.engine.assets import Assets, load_assets
from keystall.themes.engine.compiled import Compiled
from keystall.themes.engine.formats import filters
from keystall.themes.engine.prose import breakable, linked, outlined
from keystall.themes.messages import LOCALES, Messages, load_messages
from keystall.themes.paths import THEMES

_ENGLISH = re.compile(r"([A-Za-z][!-~]*(?: [!-~]+){2,})")
"""Three words and more in a row: a sentence, where a name or a value has one or two."""

MODULES: Mapping[str, str] = {"ui": "components/ui.html", "goods": "components/goods.html"}


class PlainContext(Context):
    """Calls what a template calls, macros above all, without looking each time for whether it takes
    the context: nothing here does, and a macro is as autoescaped as all of the environment."""

    def call(self, called: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        """What `called` answers. jinja2 hands the variables of loops and blocks along for those who
        take the context."""
        named.pop("_block_vars", None)
        named.pop("_loop_vars", None)
        return called(*args, **named)


class PlainGenerator(CodeGenerator):
    """Has what is put out written by the environment, a page's hundreds of values."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if finalize.src is not None or frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.written(")


class PlainEnvironment(Environment):
    """Attribute access that looks at items only, where the object is a dict."""

    code_generator_class = PlainGenerator
    context_class = PlainContext

    @staticmethod
    def written(value: Any) -> str:
        """`escape(value)` for the text of a page, which is only put together: no Markup is made of
        what is text, nor again of what is Markup already."""
        if type(value) is str:
            text: str = _escape_inner(value)
            return text
        return value if type(value) is Markup else escape(value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: the item of a dict, the attribute of anything else."""
        if isinstance(obj, dict):
            if attribute in obj:
                return obj[attribute]
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


@dataclass(frozen=True)
class Renderer:
    """Renders templates of `themes/` in any of the product's languages."""

    environments: Mapping[str, PlainEnvironment]
    assets: Assets
    messages: Mapping[str, Messages]

    def page(self, template: str, locale: str, names: Mapping[str, Any]) -> str:
        """A whole page."""
        return self.environments[locale].get_template(template).render(names)

    def blocks(
        self, template: str, locale: str, wanted: Iterable[str], names: Mapping[str, Any]
    ) -> str | None:
        """Only the blocks of these names, in order; None where the template has none of them.

        What stands outside blocks does not run: imports and `set` belong inside.
        """
        environment = self.environments[locale]
        chain = self._chain(environment, template)
        context = chain[0].new_context(dict(names))
        for parent in chain[1:]:
            for name, block in parent.blocks.items():
                context.blocks.setdefault(name, []).append(block)
        found = [context.blocks[name][0] for name in wanted if name in context.blocks]
        return "".join(part for block in found for part in block(context)) if found else None

    def text(self, locale: str, key: str, **values: object) -> str:
        """A text of the product, outside templates."""
        return self.messages[locale].t(key, **values)

    @staticmethod
    def _chain(environment: PlainEnvironment, name: str) -> list[Template]:
        parents = environment.globals["_parents"]
        assert isinstance(parents, dict)  # noqa: S101 - for the type checker
        chain = [environment.get_template(name)]
        while (parent := parents.get(name, _UNREAD)) is not None:
            if parent is _UNREAD:
                parents[name] = parent = extended_by(environment, name)
                if parent is None:
                    break
            chain.append(environment.get_template(parent))
            name = parent
        return chain


_UNREAD: Any = object()


def extended_by(environment: Environment, name: str) -> str | None:
    """The template that `name` extends, as a literal."""
    assert environment.loader is not None  # noqa: S101 - for the type checker
    source, _, _ = environment.loader.get_source(environment, name)
    found = environment.parse(source).find(nodes.Extends)
    if found is None or not isinstance(found.template, nodes.Const):
        return None
    return str(found.template.value)


_COMPILED = Compiled()


def make_renderer(root: Path = THEMES, *, assets: Assets | None = None) -> Renderer:
    """Set up all languages."""
    loaded = assets or load_assets()
    messages = {locale: load_messages(locale, root) for locale in LOCALES}
    environments = {locale: _environment(root, messages[locale], loaded) for locale in LOCALES}
    return Renderer(environments, loaded, messages)


def _environment(root: Path, messages: Messages, assets: Assets) -> PlainEnvironment:
    environment = PlainEnvironment(
        loader=FileSystemLoader([root, THEMES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=_COMPILED,
        optimized=False,
    )
    environment.filters |= filters(messages.babel)
    environment.filters |= {
        "markdown": _markdown,
        "hue": hue,
        "qr": qr_svg,
        "host": _host,
        "outlined": outlined,
        "breakable": breakable,
        "linked": linked,
        "indented": indented,
        "english_marked": escape if messages.locale == "en" else english_marked,
    }
    environment.globals |= {
        "t": messages.t,
        "label": messages.label,
        "asset": assets.url,
        "locale": messages.locale,
        "new_key": new_key,
        "_parents": {},
    }
    for name, template in MODULES.items():
        environment.globals[name] = environment.get_template(template).module
    return environment


def _markdown(text: str | None) -> Markup:
    return Markup(render_markdown(text or ""))  # noqa: S704 - sanitised there


def _host(address: str) -> str:
    return address.split("://", 1)[-1].rstrip("/")


def english_marked(text: str) -> Markup:
    """A message of a page in another language, with what of it is English sentences marked so."""
    parts = _ENGLISH.split(text)
    spans = (
        Markup('<span lang="en">{}</span>').format(part) if at % 2 else escape(part)
        for at, part in enumerate(parts)
    )
    return Markup().join(spans)


def indented(text: str) -> str:
    """JSON as people read it; what is none, as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text


def hue(seed: str) -> int:
    """One of twelve hues for a name, the same on every machine: colours of placeholders."""
    return hashlib.sha256(seed.encode()).digest()[0] % 12


def qr_svg(text: str) -> Markup:
    """A QR code of `text` as inline SVG without styles."""
    code = segno.make(text, error="m")
    svg = code.svg_inline(border=2, dark="#0b0d12", light="#fff", omitsize=True)
    return Markup(svg)  # noqa: S704 - made by segno of modules, holds no text


def new_key() -> str:
    """A fresh idempotency key for a hidden field."""
    return secrets.token_urlsafe(16)
