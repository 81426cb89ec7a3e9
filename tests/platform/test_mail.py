import asyncio
import contextlib
import email
import email.policy
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keystall.platform.mail import (
    FolderMailer,
    Mail,
    MailRefused,
    MailUnavailable,
    SmtpMailer,
    UnmailableMail,
    compose,
    mailer_from,
)
from keystall.platform.settings import Settings

TLS = tuple[ssl.SSLContext, ssl.SSLContext]
SENDER = "钥匙铺 <no-reply@keystall.shop>"
MAIL = Mail(
    to="buyer@example.com",
    subject="您的订单 #1 已发货",
    text="打开 http://lulu.localhost:8000/zh/order/abc 查看。\n",
    html='<p><a href="http://lulu.localhost:8000/zh/order/abc?a=1&amp;b=2">查看订单</a></p>',
    headers={"X-Entity-Ref-ID": "order-1"},
)


def read(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def decoded(header: str) -> str:
    return str(make_header(decode_header(header)))


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_message_is_seven_bit_and_says_everything() -> None:
    content = compose(MAIL, SENDER).content

    message = read(content)
    assert content.isascii()
    assert message["to"] == "buyer@example.com"
    assert message["from"].addresses[0].display_name == "钥匙铺"
    assert message["from"].addresses[0].addr_spec == "no-reply@keystall.shop"
    assert message["subject"] == MAIL.subject
    assert message["x-entity-ref-id"] == "order-1"
    assert message["message-id"].endswith("@keystall.shop>")
    assert part(message, "plain").strip() == MAIL.text.strip()
    assert part(message, "html").strip() == MAIL.html


def test_a_mail_without_html_is_plain() -> None:
    message = read(compose(replace(MAIL, html=""), SENDER).content)

    assert message.get_content_type() == "text/plain"


def test_a_foreign_domain_goes_out_in_ascii() -> None:
    message = compose(replace(MAIL, to="buyer@例子.测试"), SENDER)

    assert message.recipient == "buyer@xn--fsqu00a.xn--0zwm56d"
    assert read(message.content)["to"] == "buyer@xn--fsqu00a.xn--0zwm56d"


@pytest.mark.parametrize(
    ("change", "field_name"),
    [
        ({"subject": "Hello\r\nBcc: everybody@example.com"}, "subject"),
        ({"subject": "Hello\nthere"}, "subject"),
        ({"subject": "Hello\u2028there"}, "subject"),
        ({"sender_name": "Lulu\r\nBcc: b@example.com"}, "from"),
        ({"to": "a@example.com\r\nBcc: b@example.com"}, "to"),
        ({"to": "a@example.com, b@example.com"}, "to"),
        ({"to": "a@example.com b@example.com"}, "to"),
        ({"to": "nobody"}, "to"),
        ({"to": ""}, "to"),
        ({"to": "@example.com"}, "to"),
        ({"to": "a..b@example.com"}, "to"),
        ({"to": "a@exa..mple.com"}, "to"),
        ({"headers": {"X-A": "1\r\nBcc: b@example.com"}}, "headers.X-A"),
        ({"headers": {"X-A\r\nBcc": "b@example.com"}}, "headers.X-A??Bcc"),
        ({"headers": {"Bcc": "b@example.com"}}, "headers.Bcc"),
        ({"headers": {"X A": "1"}}, "headers.X A"),
    ],
)
def test_what_could_add_a_header_or_an_addressee_is_refused(
    change: dict[str, Any], field_name: str
) -> None:
    with pytest.raises(UnmailableMail) as refused:
        compose(replace(MAIL, **change), SENDER)

    assert refused.value.field == field_name


def test_a_mail_can_bring_the_name_of_its_sender() -> None:
    message = read(compose(replace(MAIL, sender_name='"露露" <x@y.z>, 卡铺'), SENDER).content)

    (sender,) = message["from"].addresses
    assert sender.display_name == '"露露" <x@y.z>, 卡铺'
    assert sender.addr_spec == "no-reply@keystall.shop"


@pytest.mark.parametrize(
    "text",
    [
        "Your order is here",
        "Order 1 of " + "a long name " * 20,
        "x" * 1_500,
        "您的订单 #1 已发货" * 9,
        "=?utf-8?b?QQ==?= is no word of ours",
        "Émile's cards & 游戏卡 \U0001f3ae " * 5,
        'back\\slash, "quotes" (and) <brackets>; semicolon',
        " around ",
    ],
)
def test_any_subject_and_name_arrive_as_they_were(text: str) -> None:
    content = compose(replace(MAIL, subject=text, sender_name=text), SENDER).content

    # The newer reader of the library puts spaces between the encoded words of a long name.
    message = email.message_from_bytes(content)
    head = content.partition(b"\r\n\r\n")[0]
    assert (content.isascii(), max(map(len, head.split(b"\r\n"))) <= 78) == (True, True)
    name, address = parseaddr(message["from"])
    assert (decoded(name), address) == (text, "no-reply@keystall.shop")
    assert decoded(message["subject"]) == text
    assert message.defects == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one line",
        "two\nlines\r\n\r\n.\nFrom here on",
        "an odd line " * 300,
        "a = b and trailing space \n\tand a tab\t",
        "游戏卡" * 400,
        "mostly English, one 字, " * 60,
        "\u2028 is no end of a line, nor is \x85",
    ],
)
def test_any_text_arrives_as_it_was_in_short_lines_of_seven_bits(text: str) -> None:
    content = compose(replace(MAIL, text=text, html=f"<p>{text}</p>"), SENDER).content

    message = read(content)
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    lines = text.replace("\r\n", "\n").rstrip("\n")
    assert part(message, "plain").removesuffix("\n") == lines
    assert part(message, "html").removesuffix("\n") == f"<p>{lines}</p>"
    assert [one.defects for one in message.walk()] == [[], [], []]


@pytest.mark.parametrize("name", ["", "Lulu ", "露露"])
def test_an_address_stands_whole_however_long_it_is(name: str) -> None:
    address = f"{'l' * 64}@{'d' * 60}.example.com"
    content = compose(replace(MAIL, to=f"{name}<{address}>" if name else address), SENDER).content

    (header,) = [one for one in content.split(b"\r\n") if address.encode() in one]
    assert header.strip(b"<> ").removeprefix(b"To: ").removeprefix(b"Lulu <") == address.encode()
    assert b"To: \r\n" not in content
    message = email.message_from_bytes(content)
    assert [decoded(part) for part in parseaddr(message["to"])] == [name.strip(), address]


def test_no_sender_can_add_an_addressee() -> None:
    with pytest.raises(UnmailableMail):
        compose(MAIL, "a@example.com, b@example.com")


async def test_files_of_the_folder_sort_by_time(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "mail", SENDER)
    for number, moment in enumerate(["2026-05-01T12:00:00.5Z", "2026-05-01T12:00:01Z"]):
        with time_machine.travel(moment, tick=False):
            await mailer.send(replace(MAIL, subject=f"mail {number}"))

    files = sorted((tmp_path / "mail").iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert [read(file.read_bytes())["subject"] for file in files] == ["mail 0", "mail 1"]
    assert files[0].name.startswith("20260501T120000.500000Z-")


async def test_many_mails_at_once_are_all_kept(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path, SENDER)

    with time_machine.travel("2026-05-01T12:00:00Z", tick=False):
        await asyncio.gather(*(mailer.send(MAIL) for _ in range(30)))

    names = await asyncio.to_thread(os.listdir, tmp_path)
    assert sum(name.endswith(".eml") for name in names) == 30


@dataclass
class Server:
    """A mail server of a few verbs. `says` overrides its replies."""

    says: dict[str, str]
    port: int = 0
    seen: list[str] = field(default_factory=list)
    content: bytes = b""
    tls: ssl.SSLContext | None = None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            await say("220 here")
            while line := (await reader.readline()).decode().strip():
                self.seen.append(line)
                verb = line.split(" ")[0].upper()
                usual = "250 fine"
                if verb == "DATA":
                    await say("354 go on")
                    self.content = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                elif verb == "QUIT":
                    usual = "221 bye"
                await say(self.says.get(verb, usual))
                if verb == "STARTTLS":
                    assert self.tls is not None
                    await writer.start_tls(self.tls)


@contextlib.asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None, /, **says: str) -> AsyncIterator[Server]:
    server = Server({verb.upper(): reply for verb, reply in says.items()}, tls=tls)
    wrapped = None if "starttls" in says else tls
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=wrapped)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server


async def test_smtp_carries_the_mail_to_its_address() -> None:
    async with listening() as server:
        await SmtpMailer("127.0.0.1", server.port, SENDER).send(MAIL)

    assert "RCPT TO:<buyer@example.com>" in server.seen
    assert any(line.startswith("MAIL FROM:<no-reply@keystall.shop>") for line in server.seen)
    message = read(server.content)
    assert message["subject"] == MAIL.subject
    assert part(message, "html").strip() == MAIL.html


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ({"rcpt": "550 no such mailbox"}, MailRefused),
        ({"rcpt": "451 greylisted"}, MailUnavailable),
        ({"mail": "421 later"}, MailUnavailable),
        ({"data": "554 spam"}, MailRefused),
        ({"mail": "553 you may not send from here"}, MailUnavailable),
    ],
)
async def test_a_no_for_good_differs_from_a_no_for_now(
    says: dict[str, str], error: type[Exception]
) -> None:
    async with listening(**says) as server:
        with pytest.raises(error):
            await SmtpMailer("127.0.0.1", server.port, SENDER).send(MAIL)


async def test_a_wrong_password_loses_no_mail() -> None:
    says = {"ehlo": "250-here\r\n250 AUTH PLAIN", "auth": "535 wrong password"}
    async with listening(**says) as server:
        url = f"smtp://keystall:hidden@127.0.0.1:{server.port}?starttls=never"
        with pytest.raises(MailUnavailable):
            await mailer_from(asked(url)).send(MAIL)


async def test_a_server_that_is_away_is_unavailable() -> None:
    async with listening() as server:
        port = server.port

    with pytest.raises(MailUnavailable):
        await SmtpMailer("127.0.0.1", port, SENDER).send(MAIL)


async def test_a_password_is_never_told_in_the_clear() -> None:
    async with listening(ehlo="250-here\r\n250 AUTH PLAIN LOGIN") as server:
        mailer = mailer_from(asked(f"smtp://keystall:hidden@127.0.0.1:{server.port}"))

        with pytest.raises((MailUnavailable, MailRefused)):
            await mailer.send(MAIL)

    assert [line for line in server.seen if line.startswith("AUTH")] == []


@pytest.fixture
def certificate(tmp_path: Path) -> TLS:
    """TLS of a server called "localhost", and of a client that trusts it and nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "both.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + pem
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("smtps://keystall:hidden@localhost", {}),
        ("smtp://keystall:hidden@localhost", {"starttls": "220 go on"}),
    ],
)
async def test_a_password_is_told_over_tls(
    certificate: TLS, url: str, says: dict[str, str]
) -> None:
    offered = {**says, "ehlo": "250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN", "auth": "235 in"}
    async with listening(certificate[0], **offered) as server:
        mailer = mailer_from(asked(f"{url}:{server.port}"))
        assert isinstance(mailer, SmtpMailer)

        await replace(mailer, tls_context=certificate[1]).send(MAIL)

    words = [line.split(" ")[0] for line in server.seen]
    assert "AUTH" in words
    assert ("STARTTLS" in words[: words.index("AUTH")]) == ("starttls" in says)
    assert read(server.content)["subject"] == MAIL.subject


async def test_a_server_with_a_strangers_certificate_is_told_nothing(certificate: TLS) -> None:
    async with listening(certificate[0], auth="235 in") as server:
        with pytest.raises(MailUnavailable):
            await mailer_from(asked(f"smtps://keystall:hidden@localhost:{server.port}")).send(MAIL)

    assert server.seen == []


def asked(mail_url: str) -> Settings:
    return cast("Settings", SimpleNamespace(mail_url=mail_url, mail_from=SENDER))


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtp://mail", "mail", 25, "opportunistic"),
        ("smtp://u:p%40ss@mail", "mail", 587, "starttls"),
        ("smtp://u:p%40ss@mail:2525?starttls=never", "mail", 2525, "opportunistic"),
        ("smtps://u:p%40ss@mail", "mail", 465, "tls"),
    ],
)
def test_the_address_says_how_to_sign_in(url: str, host: str, port: int, security: str) -> None:
    mailer = mailer_from(asked(url))

    assert isinstance(mailer, SmtpMailer)
    assert (mailer.host, mailer.port, mailer.security) == (host, port, security)
    assert mailer.password == ("p@ss" if "@" in url else None)
    assert "p@ss" not in repr(mailer)


def test_the_address_may_be_a_folder() -> None:
    assert mailer_from(asked("folder:///var/my%20mail")) == FolderMailer(
        Path("/var/my mail"), SENDER
    )


@pytest.mark.parametrize("url", ["", "mail", "http://mail", "smtp://", "folder://"])
def test_an_address_of_no_mailer_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="mail_url must be"):
        mailer_from(asked(url))
