import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters

from keystall.platform import passwords
from keystall.platform.passwords import (
    hash_password,
    needs_rehash,
    password_problem,
    verify_password,
    verify_unknown,
)

_REAL = {"_HASHER": passwords._HASHER, "_NOBODY": passwords._NOBODY}


@pytest.fixture(autouse=True)
def _real_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, real in _REAL.items():
        monkeypatch.setattr(passwords, name, real)


async def test_a_hash_fits_its_password_only() -> None:
    stored = await hash_password("plum tree 19")

    assert await verify_password(stored, "plum tree 19") is True
    assert await verify_password(stored, "plum tree 18") is False
    assert await verify_password(stored, "") is False


async def test_hashes_are_salted_and_have_the_agreed_cost() -> None:
    first, second = await hash_password("plum tree 19"), await hash_password("plum tree 19")

    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_the_same_password_from_another_keyboard_fits() -> None:
    stored = await hash_password("café １２３ 密码")

    assert await verify_password(stored, "cafe\u0301 123 密码") is True


@pytest.mark.parametrize("stored", ["", "!", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
async def test_a_broken_hash_fits_nothing(stored: str) -> None:
    assert await verify_password(stored, "plum tree 19") is False
    assert needs_rehash(stored) is True


async def test_text_that_is_not_unicode_does_not_fit_and_does_not_raise() -> None:
    assert await verify_password(await hash_password("plum tree 19"), "\ud800" * 12) is False


async def test_an_unknown_account_costs_a_real_verification(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, bytes]] = []
    real = passwords._fits

    def watched(stored: str, password: bytes) -> bool:
        seen.append((stored, password))
        return real(stored, password)

    monkeypatch.setattr(passwords, "_fits", watched)

    await verify_unknown("plum tree 19")

    [(stored, password)] = seen
    assert password == b"plum tree 19"
    assert extract_parameters(stored) == extract_parameters(await hash_password("x" * 10))
    assert await verify_password(stored, "plum tree 19") is False


async def test_only_an_outdated_hash_is_renewed() -> None:
    outdated = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("plum tree 19")

    assert needs_rehash(outdated) is True
    assert await verify_password(outdated, "plum tree 19") is True
    assert needs_rehash(await hash_password("plum tree 19")) is False


async def test_the_event_loop_turns_while_hashes_are_made() -> None:
    work = asyncio.gather(*(hash_password("plum tree 19") for _ in range(4)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.001)
        turns += 1

    assert len(set(await work)) == 4
    assert turns > 4


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "PASSWORD_TOO_SHORT"),
        ("plum tree", "PASSWORD_TOO_SHORT"),
        ("plum trees", None),
        ("红烧排骨配米饭真好吃", None),
        ("plum tree " * 20, None),
        ("plum tree " * 20 + "s", "PASSWORD_TOO_LONG"),
        ("1234567890", "PASSWORD_TOO_COMMON"),
        ("１２３４５６７８９０", "PASSWORD_TOO_COMMON"),
        ("PassWord123", "PASSWORD_TOO_COMMON"),
        ("woaini1314", "PASSWORD_TOO_COMMON"),
        ("aaaaaaaaaaaa", "PASSWORD_TOO_COMMON"),
        ("abc12abc12abc12", "PASSWORD_TOO_COMMON"),
        ("\n\n\n\n\n\n\n\n\n\n", "PASSWORD_TOO_COMMON"),
    ],
)
def test_weak_passwords_are_refused_by_name(password: str, problem: str | None) -> None:
    assert password_problem(password) == problem
