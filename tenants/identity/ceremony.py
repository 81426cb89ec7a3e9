"""What browsers and authenticators are asked for a passkey, and whether what they answer is right
(WebAuthn Level 3, 7.1 and 7.2). Pure.

Discoverable credentials with user verification, no attestation: a passkey says who somebody is and
that it was them, not which make it is.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from keystall.platform.later import later
from keystall.platform.settings import Settings

if TYPE_CHECKING:
    import webauthn
    from webauthn import helpers
    from webauthn.helpers import cose, structs
else:
    # The checks of nine makes of authenticators, ASN.1 and all: 6 MB that few sign-ins need.
    webauthn, helpers = later("webauthn"), later("webauthn.helpers")
    cose, structs = later("webauthn.helpers.cose"), later("webauthn.helpers.structs")

NAME = "Keystall"
CHALLENGE_SECONDS = 300
LONGEST_ANSWER = 16_000
"""Characters of an answer in JSON; one of a kind that we ask for has about a thousand."""
_HANDLE_BYTES = 32
_CHALLENGE_BYTES = 32
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Party:
    """Who asks: the installation's own host, and the one origin whose pages may have asked."""

    id: str
    origin: str

    @classmethod
    def of(cls, settings: Settings) -> "Party":
        """By the public address; browsers leave a scheme's own port out of an origin."""
        parts = urlsplit(settings.public_url)
        usual = {"https": 443, "http": 80}[parts.scheme]
        port = "" if parts.port in (None, usual) else f":{parts.port}"
        host = settings.public_host
        return cls(host, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}")


@dataclass(frozen=True, slots=True)
class Registered:
    """A new credential, in a right answer: what is kept of it."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def _algorithms() -> "list[cose.COSEAlgorithmIdentifier]":
    taken = cose.COSEAlgorithmIdentifier
    return [taken.ECDSA_SHA_256, taken.EDDSA, taken.RSASSA_PKCS1_v1_5_SHA_256]


def new_challenge() -> bytes:
    """32 random bytes (WebAuthn, 13.4.3, wants 16 at least)."""
    return secrets.token_bytes(_CHALLENGE_BYTES)


def new_user_handle() -> bytes:
    """32 random bytes, by which authenticators know an account."""
    return secrets.token_bytes(_HANDLE_BYTES)


def creation_options(
    party: Party, *, challenge: bytes, user_handle: bytes, email: str, known: Sequence[bytes]
) -> str:
    """What navigator.credentials.create is given, as JSON; `known` are the account's credentials:
    an authenticator that holds one makes no second."""
    return webauthn.options_to_json(
        webauthn.generate_registration_options(
            rp_id=party.id,
            rp_name=NAME,
            user_id=user_handle,
            user_name=email,
            challenge=challenge,
            timeout=CHALLENGE_SECONDS * 1000,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in known],
            supported_pub_key_algs=_algorithms(),
        )
    )


def request_options(party: Party, *, challenge: bytes, allowed: Sequence[bytes] = ()) -> str:
    """What navigator.credentials.get is given, as JSON; none `allowed`: any that is discovered."""
    return webauthn.options_to_json(
        webauthn.generate_authentication_options(
            rp_id=party.id,
            challenge=challenge,
            timeout=CHALLENGE_SECONDS * 1000,
            allow_credentials=[structs.PublicKeyCredentialDescriptor(id=one) for one in allowed],
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
    )


def registered(party: Party, challenge: bytes, answer: str) -> Registered | None:
    """The credential that `answer` brings; None where anything about it is wrong, or it was made
    within a frame of another site."""
    try:
        read = helpers.parse_registration_credential_json(answer[: LONGEST_ANSWER + 1])
        if helpers.parse_client_data_json(read.response.client_data_json).cross_origin:
            return None
        found = webauthn.verify_registration_response(
            credential=read,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=_algorithms(),
        )
        # One whose key is none would lock its owner out.
        key = helpers.decode_credential_public_key(found.credential_public_key)
        helpers.decoded_public_key_to_cryptography(key)
    except Exception as error:  # the library's readers raise whatever a stranger's bytes lead to
        _tell(error)
        return None
    return Registered(found.credential_id, found.credential_public_key, found.sign_count)


def read_assertion(answer: str) -> "structs.AuthenticationCredential | None":
    """An answer to `request_options` as it stands, nothing about it proven; None for what is none,
    or was given within such a frame."""
    try:
        read = helpers.parse_authentication_credential_json(answer[: LONGEST_ANSWER + 1])
        if helpers.parse_client_data_json(read.response.client_data_json).cross_origin:
            return None
    except Exception as error:  # as above
        _tell(error)
        return None
    return read


def asserted(
    party: Party, challenge: bytes, read: "structs.AuthenticationCredential", public_key: bytes
) -> int | None:
    """The authenticator's count of signatures, where the answer is right; None where not.

    Whether the count has gone on is not judged here: nobody but the key's holder may set off what
    follows from a count that went back, and the one that counts is the row's, under its lock.
    """
    try:
        found = webauthn.verify_authentication_response(
            credential=read,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        _tell(error)
        return None
    return found.new_sign_count


def _tell(error: Exception) -> None:
    _log.info("a passkey's answer was refused", error=type(error).__name__)
