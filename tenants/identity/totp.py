"""One-time passwords by time (RFC 6238) and recovery codes: what they are and how they read. Pure.

SHA-1, six digits, thirty seconds: what every authenticator app knows (RFC 6238 lets others be
chosen; apps then show wrong codes without a word).
"""

import secrets
import unicodedata
from datetime import datetime
from uuid import UUID

import pyotp
from pyotp.exceptions import OTPVerificationError

ISSUER = "Keystall"
WINDOW = 1
"""Time steps by which a clock may be off, either way."""
RECOVERY_CODES = 10
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing reads like something else
_GROUPS, _GROUP = 4, 4
_READ_AS = str.maketrans({"o": "0", "i": "1", "l": "1"})


def new_totp_secret() -> str:
    """160 random bits in base32 (32 characters), as apps take them."""
    return pyotp.random_base32()


def totp_uri(secret: str, email: str) -> str:
    """What a QR code says to an app: otpauth://totp/Keystall:<email>?secret=…&issuer=Keystall."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def in_groups(secret: str) -> str:
    """A secret as it is typed: four characters at a time."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def time_step(secret: str, code: str, at: datetime) -> int | None:
    """The time step of which `code` is, where it is one around `at`; None for a wrong one."""
    typed = _plain(code)
    if not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(typed, for_time=at, valid_window=WINDOW)
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Ten codes of 80 random bits each: "0a1b-2c3d-4e5f-6g7h". So long that a plain hash of one
    cannot be guessed (see platform/tokens.py)."""
    return ["-".join(_random(_GROUP) for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def read_recovery_code(typed: str) -> str | None:
    """A recovery code in its one form, however it was typed; None for what cannot be one."""
    plain = _plain(typed).lower().translate(_READ_AS)
    if len(plain) != _GROUPS * _GROUP or not set(plain) <= set(_ALPHABET):
        return None
    return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def totp_place(account: UUID) -> bytes:
    """What the sealed secret of an account is bound to."""
    return b"totp:" + account.bytes


def _plain(typed: str) -> str:
    # Full-width digits of a Chinese keyboard count as what they stand for.
    folded = unicodedata.normalize("NFKC", typed[:100])
    return "".join(one for one in folded if not one.isspace() and one not in "-‐–—_.")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
