"""Reads the folder a `FolderMailer` writes: what the demo mailed, as a page and as JSON.

GET /mail, /        newest first; html in a frame that runs no script
GET /mail.json      [{"to", "subject", "text", "html", "links", "at"}], newest first
"""

import asyncio
import email
import email.policy
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

_SHOWN = 500
_URL = re.compile(r"https?://[^\s<>\"'）】」]+[^\s<>\"'.,;:!?)\]}）】」。，；：！？]")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mail</title>
<style>
:root{color-scheme:light dark}*{box-sizing:border-box}
body{margin:0 auto;max-width:46rem;padding:1rem;
font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
article{border:1px solid #8886;border-radius:.8rem;padding:1rem;margin:0 0 1rem;
overflow-wrap:anywhere}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}
a{display:inline-block;min-height:24px}ul{list-style:none;margin:0 0 1rem;padding:0}
iframe{width:100%;height:24rem;border:1px solid #8886;border-radius:.5rem;background:#fff}
.soft{margin:0 0 .6rem;opacity:.8}
</style>
</head>
<body>
<main>
<h1>Mail sent here ({{ mails|length }})</h1>
{% for mail in mails %}<article>
<h2>{{ mail.subject }}</h2>
<p class="soft">{{ mail.to }}<br><time datetime="{{ mail.at }}">{{ mail.at | spoken }}</time></p>
<pre>{{ mail.text }}</pre>
{% if mail.links %}<ul>{% for link in mail.links %}
<li><a href="{{ link }}" target="_blank" rel="noopener noreferrer">{{ link }}</a></li>{% endfor %}
</ul>{% endif %}
{% if mail.html %}<details><summary>HTML</summary>
<iframe sandbox="allow-popups" title="{{ mail.subject }}" loading="lazy" srcdoc="{{ mail.html }}">
</iframe></details>{% endif %}
</article>{% else %}<p>No mail yet. Reload after something was sent.</p>{% endfor %}
</main>
</body>
</html>
"""
_TEMPLATES = Environment(
    loader=DictLoader({"mail.html": _PAGE}), autoescape=True, undefined=StrictUndefined
)


def spoken(at: str) -> str:
    """An ISO instant as people write it, in UTC: "23 Nov 2026, 00:51 UTC"; "" for none."""
    if not at:
        return ""
    moment = datetime.fromisoformat(at).astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


_TEMPLATES.filters["spoken"] = spoken
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; "
        "frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class ReadMail:
    """One mail as a reader sees it; `links` in the order they stand, each once."""

    to: str
    subject: str
    text: str
    html: str
    links: list[str]
    at: str


def routes(folder: Path) -> list[Route]:
    async def page(_: Request) -> Response:
        mails = await asyncio.to_thread(read_mails, folder)
        html = _TEMPLATES.get_template("mail.html").render(mails=mails)
        return HTMLResponse(html, headers=_HEADERS)

    async def listing(_: Request) -> Response:
        mails = await asyncio.to_thread(read_mails, folder)
        return JSONResponse([asdict(mail) for mail in mails], headers=_HEADERS)

    return [
        Route("/", page, methods=["GET"]),
        Route("/mail", page, methods=["GET"]),
        Route("/mail.json", listing, methods=["GET"]),
    ]


def read_mails(folder: Path) -> list[ReadMail]:
    """The newest 500 mails of `folder`, newest first; none where the folder is not there yet."""
    newest = sorted(folder.glob("*.eml"), key=lambda path: path.name, reverse=True)[:_SHOWN]
    return [_read(path) for path in newest]


@lru_cache(2 * _SHOWN)
def _read(path: Path) -> ReadMail:
    # Kept: a mail never changes, and whoever waits for one asks again and again.
    raw = path.read_bytes()
    message = email.message_from_bytes(raw, _class=EmailMessage, policy=email.policy.default)
    text, html = _part(message, "plain"), _part(message, "html")
    finder = _Anchors()
    finder.feed(html)
    links = dict.fromkeys([*_URL.findall(text), *finder.links])
    date = message["date"]
    return ReadMail(
        to=str(message["to"] or ""),
        subject=str(message["subject"] or ""),
        text=text,
        html=html,
        links=list(links),
        at=date.datetime.isoformat() if date and date.datetime else "",
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""


class _Anchors(HTMLParser):
    """Collects where anchors lead; only web addresses, so that the page cannot run a script."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") or ""
        if tag == "a" and target.startswith(("http://", "https://")):
            self.links.append(target)
