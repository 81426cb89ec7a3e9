"""Both languages say the same things, and nothing is said that is not written."""

import re
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from markupsafe import Markup

from keystall.themes.engine import LOCALES, load_messages, make_renderer, negotiate
from keystall.themes.messages import MessageError, Messages, placeholders
from keystall.themes.paths import THEMES

ALL = {locale: load_messages(locale) for locale in LOCALES}
# t('a.b'), text(locale, "a.b"), label('a.b', …) and t('a.' ~ kind ~ '.c').
_WHOLE = re.compile(r"""\bt\(\s*['"]([\w.]+)['"]\s*[,)]""")
_LABEL = re.compile(r"""\blabel\(\s*['"]([\w.]+)['"]""")
_BEGINNING = re.compile(r"""\bt\(\s*['"]([\w.]+\.)['"]\s*~""")
_PYTHON = re.compile(r"""\b(?:text\([^"()]+,\s*|t\()f"([\w.]+\.)\{""")


def _sources() -> str:
    paths = [*THEMES.rglob("*.html"), *THEMES.rglob("*.txt"), *THEMES.rglob("*.py")]
    return "\n".join(path.read_text("utf-8") for path in paths if "assets" not in path.parts)


def test_both_languages_have_the_same_keys_and_holes() -> None:
    holes = [{key: placeholders(text) for key, text in ALL[locale].texts.items()} for locale in ALL]
    assert holes[0] == holes[1]


def test_every_text_that_a_template_names_is_written() -> None:
    named = set(_WHOLE.findall(_sources()))
    assert named - ALL["en"].texts.keys() == set()


def test_no_text_is_unused() -> None:
    source = _sources()
    used = set(_WHOLE.findall(source))
    beginnings = (
        *_BEGINNING.findall(source),
        *(prefix + "." for prefix in _LABEL.findall(source)),
        *_PYTHON.findall(source),
    )
    unused = {key for key in ALL["en"].texts if key not in used and not key.startswith(beginnings)}
    assert unused == set()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("shop.status", "shop_status"),
        ("product.status", "product_status"),
        ("order.status", "order_status"),
        ("order.state", "refund_status"),
        ("order.state", "report.status"),
        ("job.state", "job.state"),
        ("variant.sale_order", "selling"),
        ("question_kind", "buyer_field"),
        ("language", "language"),
    ],
)
def test_a_state_has_one_name_on_its_own_page_and_in_the_log(
    locale: str, recorded: str, shown: str
) -> None:
    told: Any = tomllib.loads(
        (THEMES.parent / f"graphql/messages/{locale}.toml").read_text("utf-8")
    )["value"]
    for part in recorded.split("."):
        told = told[part]
    page = {
        key.removeprefix(f"console.{shown}."): text
        for key, text in ALL[locale].texts.items()
        if key.startswith(f"console.{shown}.")
    }
    same = {state.lower(): text for state, text in told.items() if state.lower() in page}
    assert same == {state: page[state] for state in same}
    assert len(same) >= 2


def test_plurals_follow_the_languages_rules() -> None:
    texts = {"cart.items": {"one": "{count} item", "other": "{count} items"}}
    english = Messages("en", texts)
    assert english.t("cart.items", count=1) == "1 item"
    assert english.t("cart.items", count=2) == "2 items"
    chinese = Messages("zh-CN", {"cart.items": {"other": "{count} 件"}})
    assert chinese.t("cart.items", count=1) == "1 件"


def test_a_text_with_a_piece_of_html_is_html_and_all_else_of_it_is_escaped() -> None:
    messages = Messages("en", {"until": "<{name}> until {when}"})
    told = messages.t("until", name="A & B", when=Markup("<time>noon</time>"))
    assert told == Markup("&lt;A &amp; B&gt; until <time>noon</time>")
    assert isinstance(told, Markup)
    assert not isinstance(messages.t("until", name="A & B", when="noon"), Markup)


def test_pages_tell_every_time_by_the_readers_clock() -> None:
    # Without a script a countdown and the title of “2 minutes ago” have to say the zone.
    excused = {"components/ui.html": 1, "storefront/order.html": 1, "console/orders.html": 1}
    raw = {
        f"{path.parent.name}/{path.name}": len(
            re.findall(r"\| datetime\b", path.read_text("utf-8"))
        )
        for path in THEMES.rglob("*.html")
        if "mail" not in path.parts
    }
    assert {name: count for name, count in raw.items() if count} == excused
    days = [path for path in THEMES.rglob("*.html") if "At | date }}" in path.read_text("utf-8")]
    assert days == []


def test_a_missing_text_value_or_count_is_an_error() -> None:
    messages = Messages("en", {"hi": "Hi {name}", "n": {"other": "{count}"}})
    for key in ("bye", "hi", "n"):
        with pytest.raises(MessageError):
            messages.t(key)


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("fr, en;q=0.5, zh;q=0.4", "en"),
        ("zh;q=0, en", "en"),
        ("", "en"),
        ("*;q=x", "en"),
    ],
)
def test_a_browsers_languages_choose_one_of_ours(header: str, locale: str) -> None:
    assert negotiate(header) == locale


def test_money_numbers_and_times_read_as_each_language_writes_them() -> None:
    environments = make_renderer().environments
    template = (
        "{{ {'amount': '1234.50', 'currencyCode': 'USD'} | money }}|{{ 12345 | number }}|"
        "{{ moment | datetime }}|{{ moment | date }}|{{ '2026-11-22' | date }}"
    )
    names = {"moment": datetime(2026, 11, 22, 18, 30, tzinfo=UTC), "timezone": "Asia/Shanghai"}
    english = environments["en"].from_string(template).render(names).replace("\u202f", " ")
    assert english == "$1,234.50|12,345|Nov 23, 2026, 2:30:00 AM|Nov 23, 2026|Nov 22, 2026"
    chinese = environments["zh-CN"].from_string(template).render(names)
    assert chinese == "US$1,234.50|12,345|2026年11月23日 02:30:00|2026年11月23日|2026年11月22日"


def test_a_moment_in_no_ones_own_zone_names_its_zone_once() -> None:
    template = (
        "{% import 'components/ui.html' as ui %}{{ ui.when('2026-11-22T18:30:00Z', zone) }}|"
        "{{ '2026-11-22T18:30:00Z' | datetime(zone) }}"
    )
    for locale, environment in make_renderer().environments.items():
        for zone, said in (("UTC", 1), ("Asia/Shanghai", 0)):
            told = environment.from_string(template).render({"zone": zone}).split("|")
            assert [text.count("UTC") for text in told] == [said, said], (locale, told)
