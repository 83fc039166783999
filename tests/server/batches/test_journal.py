"""The journal of a batch: whatever end the server has, each line is in it once or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland_server.batches.journal import Journal, read_journal
from funland_server.batches.outcomes import (
    NO_TOKENS,
    Outcome,
    Tokens,
    answered,
    from_record,
    to_record,
    unanswered,
)
from funland_server.storage.errors import StorageUnavailableError


def outcomes(count: int) -> list[Outcome]:
    """Every third of them is an error."""
    return [
        unanswered(number, f"line {number}", "batch_expired", "It is too late.")
        if number % 3 == 0
        else answered(number, f"line {number}", 200, b'{"text": "a\\nb"}', Tokens(3, 1, 2, 0))
        for number in range(1, count + 1)
    ]


async def written(path: Path, kept: list[Outcome]) -> None:
    journal = await Journal.open(path, lambda: None)
    for outcome in kept:
        await journal.add(outcome)
    await journal.close()


def test_a_record_says_all_that_is_known() -> None:
    for outcome in outcomes(3):
        assert from_record(to_record(outcome)) == outcome


async def test_what_was_added_is_there_after_the_next_opening(tmp_path: Path) -> None:
    kept = outcomes(100)
    told: list[int] = []
    journal = await Journal.open(tmp_path / "journal", lambda: told.append(1))
    for outcome in kept:
        await journal.add(outcome)
    await journal.close()

    again = await Journal.open(tmp_path / "journal", lambda: None)
    await again.close()

    assert again.tally.answered == set(range(1, 101))
    assert (again.tally.completed, again.tally.failed) == (67, 33)
    assert again.tally.tokens == Tokens(201, 67, 134, 0)
    assert again.tally == journal.tally
    assert 1 <= len(told) < 100  # in groups
    assert list(read_journal(tmp_path / "journal")) == kept


async def test_a_torn_end_is_cut_at_every_byte_and_nothing_else_is_lost(tmp_path: Path) -> None:
    kept = outcomes(3)
    whole = b"".join(map(to_record, kept))
    before = len(to_record(kept[0])) + len(to_record(kept[1]))
    path = tmp_path / "journal"
    for size in range(before, len(whole)):
        path.write_bytes(whole[:size])

        await written(path, [kept[2]])

        assert list(read_journal(path)) == kept


async def test_a_damaged_record_ends_what_is_read_and_is_answered_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    await written(path, outcomes(3))
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))

    journal = await Journal.open(path, lambda: None)
    await journal.close()

    assert journal.tally.answered == {1, 2}


async def test_a_disk_that_fails_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = await Journal.open(path, lambda: None)
    path.unlink()
    path.mkdir()

    await journal.add(Outcome(1, False, NO_TOKENS, b"{}"))

    with pytest.raises(StorageUnavailableError):
        await journal.close()
    with pytest.raises(StorageUnavailableError):
        await journal.add(Outcome(2, False, NO_TOKENS, b"{}"))
    assert not journal.tally.answered
