"""The client for addresses that strangers name, against real listeners inside."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keystall.platform import http
from keystall.platform.addresses import is_outside
from keystall.platform.http import NotOutside, outside_client, post_outside, resolved
from tests.platform.hostile import HOSTILE, NAMES

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere"


@dataclass
class Listener:
    """What listens inside: connections, requests, and the names that TLS asked for."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    answer: bytes = ANSWER

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(
    *hosts: str, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """One listener, on the same port of each address."""
    listener, servers = Listener(port), []
    try:
        for host in hosts:
            server = await asyncio.start_server(listener.serve, host, listener.port, ssl=tls)
            servers.append(server)
            listener.port = server.sockets[0].getsockname()[1]
        yield listener
    finally:
        for server in servers:
            server.close()


async def by_table(host: str, port: int) -> Sequence[str]:
    """Names as the corpus has them, literal addresses as the system reads them; no name is asked
    of anybody."""
    if host in NAMES:
        return NAMES[host]
    if host.replace(".", "").replace("x", "").isalnum() and any(c.isdecimal() for c in host):
        last = host.rstrip(".").rpartition(".")[2]
        if last.isdecimal() or last.lower().startswith("0x"):
            return await resolved(host, port)
    if ":" in host:
        return await resolved(host, port)
    raise OSError("unknown")


async def asked(client: httpx2.AsyncClient, url: str) -> str:
    """How a request was refused; raises where it was not."""
    try:
        await post_outside(client, url, headers={}, body=b"secret", most=100)
    except NotOutside:
        return "not outside"
    except httpx2.ConnectError as error:
        return str(error)
    raise AssertionError(f"{url} was asked")


async def test_no_hostile_address_reaches_what_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(HOSTILE)) >= 200
    async with listening("0.0.0.0", "::") as inside:
        # Ports are no part of this: only what the address is stands in the way.
        monkeypatch.setattr(http, "OUTSIDE_PORTS", frozenset({443, inside.port}))
        async with outside_client(resolve=by_table) as client:
            how = {url: await asked(client, url.format(port=inside.port)) for url in HOSTILE}
        assert inside.connections == 0
        # All but these few are hosts, and were judged.
        assert {url for url, said in how.items() if said != "not outside"} == {
            url for url, said in how.items() if said == "the host is not known"
        }
        assert list(how.values()).count("not outside") >= 200

        # And the listener does hear whom the judgement lets through.
        monkeypatch.setattr(http, "is_outside", lambda address: True)
        monkeypatch.setattr(http, "_OUTSIDE_TIMEOUT", httpx2.Timeout(15, connect=0.3))
        async with outside_client(resolve=by_table) as client:
            for host in ("2130706433", "[::ffff:127.0.0.1]", "[::1]"):
                with pytest.raises(httpx2.ConnectTimeout):
                    await post_outside(
                        client, f"https://{host}:{inside.port}/", headers={}, body=b"", most=1
                    )
        assert inside.connections == 3


@pytest.mark.parametrize(
    "url",
    ["https://example.com:22/", "https://example.com:25/", "https://example.com:80/",
     "https://example.com:6379/", "https://example.com:5432/", "http://example.com/",
     "https://me@example.com/"],
)  # fmt: skip
async def test_what_is_no_plain_https_is_not_even_resolved(url: str) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        raise AssertionError("resolved")

    async with outside_client(resolve=never) as client:
        assert await asked(client, url) == "not outside"


async def test_a_name_is_resolved_once_and_what_was_judged_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rebinding: the name has an address outside when it is judged, and one inside a moment later.
    127.0.0.2 stands for the outside."""
    authority = Authority(tmp_path)
    answers = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        assert host == "hook.example.com"
        return answers.pop(0)

    async with listening("127.0.0.2", tls=authority.server("hook.example.com")) as outside:
        async with listening("127.0.0.1", port=outside.port) as inside:
            monkeypatch.setattr(http, "is_outside", lambda address: address == "127.0.0.2")
            monkeypatch.setattr(http, "OUTSIDE_PORTS", frozenset({outside.port}))
            url = f"https://hook.example.com:{outside.port}/hook"
            async with outside_client(resolve=rebinding, trust=authority.trust()) as client:
                answer = await post_outside(client, url, headers={}, body=b"1", most=100)
                assert (answer.status, answer.body) == (200, b"there")
                # The next request is judged anew, and uses no connection of the one before.
                assert await asked(client, url) == "not outside"
        assert (outside.connections, inside.connections, len(answers)) == (1, 0, 1)
    (request,) = outside.requests
    assert f"host: hook.example.com:{outside.port}".encode() in request.lower()


async def test_the_certificate_must_be_of_the_name_that_was_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.2"]

    async with listening("127.0.0.2", tls=authority.server("other.example.com")) as outside:
        monkeypatch.setattr(http, "is_outside", lambda address: True)
        monkeypatch.setattr(http, "OUTSIDE_PORTS", frozenset({outside.port}))
        async with outside_client(resolve=here, trust=authority.trust()) as client:
            said = await asked(client, f"https://hook.example.com:{outside.port}/")
        async with outside_client(resolve=here) as client:
            strange = await asked(client, f"https://other.example.com:{outside.port}/")
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert "CERTIFICATE_VERIFY_FAILED" in strange
    assert outside.requests == []


async def test_of_several_addresses_the_next_is_tried_where_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)

    async def several(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.3", "127.0.0.2"]

    async with listening("127.0.0.2", tls=authority.server("hook.example.com")) as outside:
        monkeypatch.setattr(http, "is_outside", lambda address: True)
        monkeypatch.setattr(http, "OUTSIDE_PORTS", frozenset({outside.port}))
        async with outside_client(resolve=several, trust=authority.trust()) as client:
            answer = await post_outside(
                client, f"https://hook.example.com:{outside.port}/", headers={}, body=b"1", most=9
            )
    assert answer.status == 200


async def test_no_redirect_is_followed_and_no_proxy_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening("127.0.0.1") as inside, listening("127.0.0.1") as named:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{inside.port}")
        there = f"http://127.0.0.1:{inside.port}/".encode()
        named.answer = b"HTTP/1.1 307 Go\r\nlocation: " + there + b"\r\ncontent-length: 0\r\n\r\n"
        async with outside_client("hooks.localhost") as client:
            answer = await post_outside(
                client, f"http://hooks.localhost:{named.port}/", headers={}, body=b"1", most=9
            )
    assert (answer.status, answer.headers["location"]) == (307, there.decode())
    assert inside.connections == 0


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 5000, b"x" * 100),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1000\r\n" + b"y" * 4096,
            b"y" * 100,
        ),
        # It promises more than it sends, and goes on saying nothing.
        (b"HTTP/1.1 503 No\r\ncontent-length: 50\r\n\r\nshort", b"short"),
    ],
)  # fmt: skip
async def test_of_an_answer_no_more_is_read_than_is_kept_and_no_longer_than_allowed(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, body: bytes
) -> None:
    monkeypatch.setattr(http, "OUTSIDE_SECONDS", 0.3)
    async with listening("127.0.0.1") as named:
        named.answer = answer
        async with outside_client("hooks.localhost") as client:
            got = await post_outside(
                client, f"http://hooks.localhost:{named.port}/", headers={}, body=b"1", most=100
            )
    assert (str(got.status).encode(), got.body) == (answer.split()[1], body)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "223.5.5.5", "2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::808:808",
     "::ffff:8.8.8.8"],
)  # fmt: skip
def test_an_address_of_the_public_internet_is_outside(address: str) -> None:
    assert is_outside(address)


class Authority:
    """Makes certificates that only its own trust takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])
        made = self._made(self._name, self._key, lambda builder: builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True))  # fmt: skip
        self._file = folder / "authority.pem"
        self._file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._file))

    def server(self, host: str) -> ssl.SSLContext:
        """A server that shows a certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._made(subject, key, lambda builder: builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False))  # fmt: skip
        file = self._folder / f"{host}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _made(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extended: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(identifier, critical=False)
        )
        return extended(builder).sign(self._key, hashes.SHA256())
