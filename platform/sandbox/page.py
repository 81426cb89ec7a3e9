"""The page a buyer pays on: plain HTML, for phones first, no script at all.

GET  /p/{id}   the payment and its buttons, or what became of it
POST /p/{id}   form field `act`, a mode; answers 303
"""

import base64
import hashlib
import math
import sqlite3
from typing import get_args
from urllib.parse import parse_qs

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from keystall.platform import clock
from keystall.platform.money import format_money
from keystall.platform.sandbox import payments
from keystall.platform.sandbox.api import answering, body_of
from keystall.platform.sandbox.callbacks import CallbackSender
from keystall.platform.sandbox.journal import Journal
from keystall.platform.sandbox.payments import Mode, Refusal, Telling
from keystall.platform.sandbox.wording import Words, words_for

STYLE = """
:root{color-scheme:light dark;--ink:#17202a;--soft:#55606d;--ground:#f3f5f8;--card:#fff;
--line:#d9dfe6;--accent:#0b5fd0;--on-accent:#fff;--warn:#7a4a00;--warn-ground:#fff3d6}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a3afbd;--ground:#10151b;
--card:#19212a;--line:#33404d;--accent:#6aa8ff;--on-accent:#08131f;--warn:#ffd98a;
--warn-ground:#3a2c0a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{max-width:26rem;margin:0 auto;padding:1rem}
.note{background:var(--warn-ground);color:var(--warn);border-radius:.6rem;padding:.6rem .9rem;
margin:0 0 1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.9rem;padding:1.2rem;
margin:0 0 1rem;overflow-wrap:anywhere}
h1{font-size:1.1rem;margin:0 0 .8rem}
h2{font-size:1rem;margin:1.4rem 0 .6rem;color:var(--soft);font-weight:500}
.amount{font-size:2.2rem;font-weight:700;line-height:1.2;margin:0 0 .4rem}
.soft{color:var(--soft);margin:0}
dl{margin:.8rem 0 0}
dt{color:var(--soft);font-size:.875rem}
dd{margin:0 0 .6rem}
#late-why{margin:0 0 1rem;font-size:.875rem}
button,.button{display:block;width:100%;min-height:48px;padding:.7rem 1rem;margin:0 0 .6rem;
border:1px solid var(--line);border-radius:.7rem;background:var(--card);color:var(--ink);
font:inherit;text-align:center;text-decoration:none;cursor:pointer}
.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent);font-weight:600}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
"""
_PAGE = """<!doctype html>
<html lang="{{ words.lang }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ words.title }}</title>
<style>{{ style }}</style>
</head>
<body><main>
<p class="note">{{ words.sandbox }}</p>
{% if state == "unknown" %}<h1>{{ words.unknown }}</h1>{% else %}
<div class="card">
<h1>{{ words.title }}</h1>
<p class="soft">{{ words.amount }}</p>
<p class="amount">{{ amount }}</p>
<dl><dt>{{ words.order }}</dt><dd>{{ description }}</dd>
<dt>{{ words.reference }}</dt><dd>{{ reference }}</dd></dl>
</div>
{% if state in ("taken", "scheduled", "failed") %}<p class="card" role="status">{{ message }}</p>
{% endif %}
{% if state == "scheduled" %}<a class="button" href="">{{ words.again }}</a>{% endif %}
{% if state in ("open", "failed") %}
<form method="post">
<button class="main" name="act" value="pay">{{ words.pay.format(amount=amount) }}</button>
<h2>{{ words.more }}</h2>
<button name="act" value="fail">{{ words.fail }}</button>
<button name="act" value="twice">{{ words.twice }}</button>
<button name="act" value="wrong">{{ words.wrong }}</button>
<button name="act" value="late" aria-describedby="late-why">{{ late }}</button>
<p class="soft" id="late-why">{{ words.late_why }}</p>
</form>{% endif %}
<a class="button" href="{{ return_url }}">{{ words.back }}</a>{% endif %}
</main></body>
</html>
"""
_TEMPLATES = Environment(
    loader=DictLoader({"pay.html": _PAGE}), autoescape=True, undefined=StrictUndefined
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# No form-action: Chromium would hold it against the redirect back to the shop as well.
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_BACK_TO_SHOP: frozenset[Mode] = frozenset({"pay", "twice", "wrong"})


def routes(journal: Journal, sender: CallbackSender) -> list[Route]:
    async def show(request: Request) -> Response:
        now = clock.now().timestamp()
        payment_id = request.path_params["id"]
        try:
            page = await journal.run(lambda db: _page(db, payment_id, now))
        except Refusal:
            locale = request.headers.get("accept-language", "")
            lost = _render(words=words_for(locale), state="unknown")
            return HTMLResponse(lost, status_code=404, headers=HEADERS)
        return HTMLResponse(page, headers=HEADERS)

    async def act(request: Request) -> Response:
        fields = parse_qs((await body_of(request)).decode("ascii", "replace"))
        mode = next((mode for mode in get_args(Mode) if fields.get("act") == [mode]), None)
        if mode is None:
            raise Refusal(422, "INVALID_ACT")
        now = clock.now().timestamp()
        payment_id = request.path_params["id"]
        return_url = await journal.run(lambda db: _act(db, payment_id, mode, now))
        sender.wake()
        target = return_url if mode in _BACK_TO_SHOP else str(request.url.path)
        return RedirectResponse(target, status_code=303, headers=HEADERS)

    return [
        Route("/p/{id}", show, methods=["GET"]),
        Route("/p/{id}", answering(act), methods=["POST"]),
    ]


def _act(db: sqlite3.Connection, payment_id: str, mode: Mode, now: float) -> str:
    row = payments.by_id(db, payment_id)
    payments.pay(db, row, mode, Telling(), now)
    return str(row["return_url"])


def _page(db: sqlite3.Connection, payment_id: str, now: float) -> str:
    row = payments.by_id(db, payment_id)
    words = words_for(row["locale"])
    events = payments.events_of(db, payment_id)
    taken = payments.takings(events, now)
    scheduled = [event["at"] for event in events if event["at"] > now]
    state, message = "open", ""
    if taken:
        total = sum(event["amount"] for event in taken)
        state = "taken"
        message = words.taken.format(amount=format_money(total, row["currency"], row["locale"]))
    elif scheduled:
        state = "scheduled"
        message = words.scheduled.format(wait=_wait(words, scheduled[0] - now))
    elif events:
        state, message = "failed", words.failed
    return _render(
        words=words,
        state=state,
        message=message,
        amount=format_money(row["amount"], row["currency"], row["locale"]),
        description=row["description"],
        reference=row["reference"],
        late=words.late.format(wait=_wait(words, payments.late_at(row, now) - now)),
        return_url=row["return_url"],
    )


def _wait(words: Words, seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return words.wait.format(minutes=minutes, seconds=rest)


def _render(**values: object) -> str:
    # The style is ours, and its hash stands in the policy: escaping would change it.
    return _TEMPLATES.get_template("pay.html").render(style=Markup(STYLE), **values)  # noqa: S704
