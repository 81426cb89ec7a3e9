"""Passwords of accounts: Argon2id at 19 MiB, t=2, p=1 (OWASP's cheat sheet), off the event loop.

At most two hashes are computed at a time in a process, so that a burst of sign-ins costs
neither its memory nor its two cores.
"""

import asyncio
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
MAX_LENGTH = 200

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
# The parameters of a real hash over an all-zero salt and digest: no password is known to fit.
_NOBODY = f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p=1${'A' * 22}${'A' * 43}"
# Only what is long enough to pass the length rule needs to stand here.
_COMMON_WORDS = """
1234567890 0123456789 0987654321 9876543210 12345678910 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc
qwertyuiop qwerty1234 qwerty12345 qwerty123456 asdfghjkl1 asdfghjkl; zxcvbnm123 qazwsxedcrfv
password12 password123 password1234 password12345 password123456 passw0rd123 p@ssword123
p@ssw0rd123 mypassword mypassword1 newpassword password01 password2024 password2025 password2026
letmein123 letmein1234 welcome123 welcome1234 admin12345 admin123456 administrator iloveyou12
iloveyou123 iloveyou1314 abcdefghij abcdefghijk abcd123456 abcde12345 abc1234567 abc123456789
a123456789 a1234567890 aa123456789 aa12345678 q123456789 z123456789 w123456789 qq123456789
qq12345678 123456789a 123456789q 1234567890a 123456789abc 5201314520 woaini1314
woaini5201314 woaini1314520 woaini123456 1314520520 3141592653 3141592654 1123581321 changeme123
changemenow dragon1234 football123 baseball123 superman123 princess123 sunshine123 monkey1234
keystall123 keystall1234 trustno1trustno1 correcthorsebatterystaple
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_SHORT_PATTERN_REPEATED = re.compile(r"(.{1,5}?)\1+", re.DOTALL)


def password_problem(password: str) -> str | None:
    """Why this password is refused, as a code, or None.

    PASSWORD_TOO_SHORT (under 10 characters), PASSWORD_TOO_LONG (over 200),
    PASSWORD_TOO_COMMON (on a short list, or a pattern of up to five characters repeated).
    """
    text = _normal(password)
    if len(text) < MIN_LENGTH:
        return "PASSWORD_TOO_SHORT"
    if len(text) > MAX_LENGTH:
        return "PASSWORD_TOO_LONG"
    if text.casefold() in _COMMON or _SHORT_PATTERN_REPEATED.fullmatch(text.casefold()):
        return "PASSWORD_TOO_COMMON"
    return None


async def hash_password(password: str) -> str:
    """The Argon2id hash in PHC form, about 97 characters. Ask `password_problem` first."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, _HASHER.hash, _encoded(password))


async def verify_password(stored: str, password: str) -> bool:
    """Whether `password` is the one that `stored` was made from. A broken hash fits nothing."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, _fits, stored, _encoded(password))


async def verify_unknown(password: str) -> None:
    """Costs what `verify_password` costs: for a sign-in whose account does not exist."""
    await verify_password(_NOBODY, password)


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's: replace it at sign-in."""
    try:
        return _HASHER.check_needs_rehash(stored)
    except InvalidHashError:
        return True


def _fits(stored: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    # NIST SP 800-63B: the same password typed on another keyboard is the same password.
    return unicodedata.normalize("NFKC", password)


def _encoded(password: str) -> bytes:
    # A lone surrogate can arrive by JSON; it must fail to fit, not raise.
    return _normal(password).encode("utf-8", "surrogatepass")
