"""What is kept of passwords, and how they are checked."""

from __future__ import annotations

import pytest

from funland_server.auth.passwords import Passwords


async def test_a_password_is_right_for_what_is_kept_of_it_alone() -> None:
    passwords = Passwords()
    kept = await passwords.hashed("correct horse battery")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await passwords.right("correct horse battery", kept)
    assert not await passwords.right("correct horse", kept)
    passwords.close()


@pytest.mark.parametrize("password", ["", "nobody has this password", "x" * 1024])
async def test_where_nothing_is_kept_nothing_is_right(password: str) -> None:
    passwords = Passwords(1, 64)

    assert not await passwords.right(password, "")
    passwords.close()


async def test_of_one_password_two_different_things_are_kept() -> None:
    passwords = Passwords(1, 64)

    assert await passwords.hashed("the same") != await passwords.hashed("the same")
    passwords.close()
