"""A device that keeps passkeys (ES256), written after WebAuthn Level 3, 6; and people who use one.

Everything about it can be wrong on purpose: that is what it is for.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from keystall.tenants.identity.passkeys import passkey_add, passkey_begin
from keystall.tenants.identity.service import Viewer
from keystall.tenants.installation import Installation
from tests.factories import PASSWORD

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass(frozen=True)
class Key:
    """One passkey on a device."""

    private: ec.EllipticCurvePrivateKey
    id: bytes
    party: str
    handle: bytes

    @property
    def cose(self) -> bytes:
        """The public key as authenticators write it (RFC 9053, 7.1.1)."""
        point = self.private.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})


@dataclass
class Device:
    """A device in a browser at `origin`. `count` None: one that does not count (most do not)."""

    origin: str
    count: int | None = None
    keys: list[Key] = field(default_factory=list)
    codes: tuple[str, ...] = ()

    def make(self, options: str, **wrong: Any) -> str:
        """What navigator.credentials.create answers, and the key that it has made."""
        asked = json.loads(options)
        key = Key(
            ec.generate_private_key(ec.SECP256R1()),
            wrong.get("credential_id", secrets.token_bytes(32)),
            asked["rp"]["id"],
            base64url_to_bytes(asked["user"]["id"]),
        )
        self.keys.append(key)
        flags = wrong.get("flags", PRESENT | VERIFIED) | ATTESTED
        public = wrong.get("cose", key.cose)
        data = self._data(wrong.get("party", key.party), flags, wrong.get("count"))
        data += bytes(16) + len(key.id).to_bytes(2, "big") + key.id + public
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", asked["challenge"], wrong)
        return _answer(key.id, clientDataJSON=client, attestationObject=attested)

    def use(self, options: str, key: Key | None = None, **wrong: Any) -> str:
        """What navigator.credentials.get answers with `key`, the newest unless one is named."""
        asked, key = json.loads(options), key or self.keys[-1]
        party = wrong.get("party", asked["rpId"])
        data = self._data(party, wrong.get("flags", PRESENT | VERIFIED), wrong.get("count"))
        client = self._client("webauthn.get", asked["challenge"], wrong)
        signer: ec.EllipticCurvePrivateKey = wrong.get("signer", key.private)
        signed = signer.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return _answer(
            wrong.get("credential_id", key.id),
            clientDataJSON=client,
            authenticatorData=data,
            signature=signed,
            userHandle=wrong.get("handle", key.handle),
        )

    def _data(self, party: str, flags: int, count: int | None) -> bytes:
        if count is None and self.count is not None:
            self.count += 1
        said = count if count is not None else self.count or 0
        return hashlib.sha256(party.encode()).digest() + bytes([flags]) + said.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str, wrong: Mapping[str, Any]) -> bytes:
        told = {
            "type": wrong.get("kind", kind),
            "challenge": wrong.get("challenge", challenge),
            "origin": wrong.get("origin", self.origin),
            "crossOrigin": wrong.get("framed", False),
        }
        return json.dumps(told).encode()


def _answer(credential: bytes, **response: bytes | None) -> str:
    named = bytes_to_base64url(credential)
    told = {name: bytes_to_base64url(raw) for name, raw in response.items() if raw is not None}
    return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": told})


def a_device(installation: Installation, *, count: int | None = None) -> Device:
    """A device in a browser on the installation's own pages."""
    return Device(installation.settings.public_url, count)


async def asked_to_make(installation: Installation, person: Viewer, name: str = "Phone") -> str:
    """What a browser is asked for a new passkey, after the password."""
    return await passkey_begin(installation, person, name=name, password=PASSWORD)


async def with_passkey(
    installation: Installation, person: Viewer, name: str = "Phone", *, count: int | None = None
) -> Device:
    """The device of somebody who has added a passkey, and what recovery codes came with it."""
    device = a_device(installation, count=count)
    options = await asked_to_make(installation, person, name)
    codes = await passkey_add(installation, person, device.make(options))
    return replace(device, codes=tuple(codes))
