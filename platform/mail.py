"""Mail: what is sent, and two ways to send it.

A mail becomes a message before anything leaves: 7-bit, headers by RFC 2047, dates in UTC. Whatever
could start a header of its own is refused, so a shop's name or a buyer's address never adds one.

The message is made by the older of the library's two interfaces: the newer parses each header that
it is given and folds it anew, three times the work, which was a quarter of a worker's time.
"""

import asyncio
import os
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.policy import default as default_policy
from email.utils import format_datetime, formataddr, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from keystall.platform import clock
from keystall.platform.ids import new_id
from keystall.platform.later import later
from keystall.platform.settings import Settings

if TYPE_CHECKING:
    import aiosmtplib
else:
    aiosmtplib = later("aiosmtplib")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_OURS = frozenset({"from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version"})
_TIMEOUT_SECONDS = 10
_MAILBOX = re.compile(
    r"(?:(?P<name>[^<>@,;]*)<)?(?P<local>[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64})"
    r"@(?P<domain>[^\s@<>,;:\"()\[\]\\]{1,190})(?(name)>)"
)
"""One address, with or without a name before it: never two, never a comment or a route."""
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
"""RFC 5322, 3.2.3: what both sides of an address are."""
_LINE = 76
_POLICY = compat32.clone(linesep="\r\n", max_line_length=998, mangle_from_=False)
_LONGEST_LINE = 990
"""What a line of 7-bit text may have; RFC 5322 ends at 998."""
_LONGEST_WORD = 60
"""What a word of a header may have, to stand in a line with the header's name."""


class UnmailableMail(ValueError):
    """A mail that no mailer will send; `field` names what is wrong with it."""

    def __init__(self, field_name: str) -> None:
        super().__init__(f"this mail cannot be sent: {field_name}")
        self.field = field_name


class MailUnavailable(Exception):
    """The mail server could not be reached, said "later" or does not know us: try again.

    `answered`: it was reached, and said so itself.
    """

    def __init__(self, reason: str = "", *, answered: bool = False) -> None:
        super().__init__(reason)
        self.answered = answered


class MailRefused(Exception):
    """The mail server said no for good, to this address or to this mail."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address. `html` may be empty; `headers` are further ones, without To etc.

    `sender_name` stands before the mailer's own address instead of the mailer's own name. The
    bodies may hold what no log may: nothing prints them.
    """

    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    sender_name: str = ""


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Hands `mail` on. Raises `UnmailableMail`, `MailUnavailable` or `MailRefused`."""
        ...


class Message(NamedTuple):
    """A mail as it goes over the wire, and the bare addresses it goes between."""

    content: bytes
    sender: str
    recipient: str


class _Mailbox(NamedTuple):
    name: str
    address: str


def compose(mail: Mail, sender: str) -> Message:
    """The message as it goes out. Raises `UnmailableMail`."""
    ours, theirs = _mailbox(sender, "from"), _mailbox(mail.to, "to")
    name = _one_line(mail.sender_name, "from") or ours.name
    headers = {
        "From": _addressed("From", name, ours.address),
        "To": _addressed("To", theirs.name, theirs.address),
        "Subject": _unstructured("Subject", _one_line(mail.subject, "subject")),
        "Date": format_datetime(clock.now()),
        "Message-ID": make_msgid(domain=ours.address.rpartition("@")[2]),
    }
    for name, value in mail.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise UnmailableMail(f"headers.{_CONTROLS.sub('?', name)}")
        headers[name] = _unstructured(name, _one_line(value, f"headers.{name}"))
    message = _body(mail)
    for name, told in headers.items():
        message[name] = told
    return Message(message.as_bytes(), ours.address, theirs.address)


def _body(mail: Mail) -> MIMEBase:
    """One text, or two ways to read it (RFC 2046, 5.1.4)."""
    plain = _part("plain", mail.text)
    if not mail.html:
        return plain
    parts = [plain, _part("html", mail.html)]
    # The library's own are of numbers that are no secret, and longer than the header's line.
    boundary = f"=_{secrets.token_hex(12)}"
    return MIMEMultipart("alternative", boundary, parts, policy=_POLICY)


def _part(subtype: str, text: str) -> MIMEText:
    lines = text.encode().splitlines()
    legible = text.isascii() and max(map(len, lines), default=0) <= _LONGEST_LINE
    ends = b"\n" if legible else b"\r\n"  # what is encoded has the ends that it has on the wire
    content = b"".join(line + ends for line in lines).decode()
    return MIMEText(content, subtype, "us-ascii" if legible else "utf-8", policy=_POLICY)


def _addressed(header: str, name: str, address: str) -> str:
    if not name:
        return address  # never folded: what would stand in the header's own line?
    whole = formataddr((name, address)) if _legible(name) else ""
    if whole and len(header) + 2 + len(whole) <= _LINE:  # nor is what is quoted
        return whole
    value = Header(name, "utf-8", header_name=header)
    value.append(f"<{address}>", "us-ascii")
    return value.encode(maxlinelen=_LINE)


def _unstructured(header: str, text: str) -> str:
    charset = "us-ascii" if _legible(text) else "utf-8"
    return Header(text, charset, header_name=header).encode(maxlinelen=_LINE)


def _legible(text: str) -> bool:
    """Whether it goes out as it is: ASCII that folds, and that nobody takes for an encoded word."""
    short = max(map(len, text.split(" "))) <= _LONGEST_WORD
    return text.isascii() and short and "=?" not in text and text == text.strip()


@dataclass(frozen=True, slots=True)
class FolderMailer:
    """Writes each mail as one `.eml` file into `folder`, made if missing; names sort by time."""

    folder: Path
    sender: str

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._write, mail)

    def _write(self, mail: Mail) -> None:
        content = compose(mail, self.sender).content
        name = f"{clock.now():%Y%m%dT%H%M%S.%fZ}-{new_id().hex}"
        unfinished = self.folder / f".{name}.part"
        try:
            unfinished.write_bytes(content)
        except FileNotFoundError:  # to ask each time first took longer than the writing
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(content)
        # A reader of the folder sees a whole mail or none.
        os.replace(unfinished, self.folder / f"{name}.eml")

    async def forget(self, wanted: Callable[[str], bool]) -> int:
        """Deletes the mails whose headers and texts, as people read them, are `wanted`; answers
        how many."""
        return await asyncio.to_thread(self._forget, wanted)

    def _forget(self, wanted: Callable[[str], bool]) -> int:
        found = [path for path in self.folder.glob("*.eml") if wanted(_read(path))]
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)


def _read(path: Path) -> str:
    message = message_from_bytes(path.read_bytes(), policy=default_policy)
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    headers = "\n".join(f"{name}: {value}" for name, value in message.items())
    return "\n".join([headers, *(part.get_content() for part in parts)])


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Sends over SMTP, a connection a mail.

    `security`: "tls" from the first byte; "starttls" required; "opportunistic", TLS where offered.
    """

    host: str
    port: int
    sender: str
    security: Literal["tls", "starttls", "opportunistic"] = "opportunistic"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)

    async def send(self, mail: Mail) -> None:
        sent = compose(mail, self.sender)
        try:
            await aiosmtplib.send(
                sent.content,
                sender=sent.sender,
                recipients=[sent.recipient],
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                use_tls=self.security == "tls",
                start_tls={"tls": False, "starttls": True, "opportunistic": None}[self.security],
                tls_context=self.tls_context,
                timeout=_TIMEOUT_SECONDS,
            )
        except aiosmtplib.SMTPException as error:
            raise _failure(error) from error
        except OSError as error:
            raise MailUnavailable(type(error).__name__) from error


def mailer_from(settings: Settings) -> Mailer:
    """The mailer that `settings.mail_url` asks for. Raises `ValueError` for an unknown scheme.

    `folder:///path`; `smtps://user:password@host:465`; `smtp://user:password@host:587`, where a
    password is only ever told after STARTTLS, unless the URL ends in `?starttls=never`.
    """
    url = urlsplit(settings.mail_url)
    if url.scheme == "folder" and url.path:
        return FolderMailer(Path(unquote(url.path)), settings.mail_from)
    if url.scheme not in {"smtp", "smtps"} or not url.hostname:
        raise ValueError("mail_url must be smtp://, smtps:// or folder:///path")
    relaxed = parse_qs(url.query).get("starttls") == ["never"]
    security: Literal["tls", "starttls", "opportunistic"] = "opportunistic"
    if url.scheme == "smtps":
        security = "tls"
    elif url.username and not relaxed:
        security = "starttls"
    return SmtpMailer(
        host=url.hostname,
        port=url.port or (465 if security == "tls" else 587 if url.username else 25),
        sender=settings.mail_from,
        security=security,
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
    )


def _failure(error: "aiosmtplib.SMTPException") -> Exception:
    """Replies 5xx to a recipient or a content are final; anything else may pass.

    A refused sign-in or sender is the installation's mistake: its mails wait until it is mended.
    """
    if isinstance(error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPSenderRefused):
        return MailUnavailable(f"{type(error).__name__} {error.code}", answered=True)
    replies = [error]
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        replies = list(error.recipients)
    codes = [reply.code for reply in replies if isinstance(reply, aiosmtplib.SMTPResponseException)]
    if codes and all(500 <= code < 600 for code in codes):
        return MailRefused(f"{type(error).__name__} {codes[0]}")
    if codes:
        return MailUnavailable(f"{type(error).__name__} {codes[0]}", answered=True)
    return MailUnavailable(type(error).__name__)


def _one_line(value: str, field_name: str) -> str:
    if _CONTROLS.search(value):
        raise UnmailableMail(field_name)
    return value


def _mailbox(value: str, field_name: str) -> _Mailbox:
    """`mailbox@domain` or `Name <mailbox@domain>`; the domain goes out in its ASCII form."""
    found = _MAILBOX.fullmatch(_one_line(value, field_name).strip())
    if found is None:
        raise UnmailableMail(field_name)
    try:
        domain = found["domain"].encode("idna").decode("ascii")
    except ValueError:
        raise UnmailableMail(field_name) from None
    if not _DOT_ATOM.fullmatch(found["local"]) or not _DOT_ATOM.fullmatch(domain):
        raise UnmailableMail(field_name)
    return _Mailbox((found["name"] or "").strip(' "'), f"{found['local']}@{domain}")
