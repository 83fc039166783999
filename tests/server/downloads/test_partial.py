"""What is there of a file survives the process, and after a restart of the machine only what was
on the disk counts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funland_server.downloads.files import journal as journals
from funland_server.downloads.files.done_note import DoneNote
from funland_server.downloads.files.hashing import Hasher
from funland_server.downloads.files.journal import BLOCK, Identity
from funland_server.downloads.files.partial import Partial, bytes_there, remove
from funland_server.downloads.files.threads import Threads

SIZE = 3 * BLOCK + 10
IDENTITY = Identity(SIZE, '"tag"', "Mon", "route")
CONTENT = bytes(range(256)) * (SIZE // 256 + 1)


def again(path: Path) -> Partial:
    found = Partial.load(path)
    assert found is not None
    return found


def restart_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "boot_id", lambda: "another")


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "0.part"
    first = Partial.new(path, IDENTITY)
    first.write(0, [CONTENT[:100], CONTENT[100:BLOCK]])
    first.write(2 * BLOCK, [CONTENT[2 * BLOCK : 2 * BLOCK + 7]])

    second = again(path)  # the first was never closed, as in a process that was killed

    assert second.identity == IDENTITY
    assert second.frontier == BLOCK
    assert second.total == bytes_there(path) == BLOCK + 7
    assert list(second.missing()) == [(BLOCK, 2 * BLOCK), (2 * BLOCK + 7, SIZE)]
    second.write(BLOCK, [CONTENT[BLOCK : 2 * BLOCK]])
    second.write(2 * BLOCK + 7, [CONTENT[2 * BLOCK + 7 : SIZE]])
    assert list(second.missing()) == []
    assert second.frontier == SIZE
    assert path.read_bytes() == CONTENT[:SIZE]
    first.close()
    second.close()


def test_after_a_restart_of_the_machine_only_what_was_synced_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0.part"
    first = Partial.new(path, IDENTITY)
    first.write(0, [CONTENT[:BLOCK]])
    first.sync()
    first.write(BLOCK, [CONTENT[BLOCK : 2 * BLOCK]])
    first.close()

    restart_the_machine(monkeypatch)
    second = again(path)
    assert second.total == BLOCK
    second.write(BLOCK, [CONTENT[BLOCK : 2 * BLOCK]])
    second.close()

    third = again(path)  # within the same run of the machine
    assert third.total == 2 * BLOCK
    third.close()


def test_after_a_restart_without_any_sync_nothing_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "0.part"
    Partial.new(path, IDENTITY).close()

    restart_the_machine(monkeypatch)

    assert Partial.load(path) is None


@pytest.mark.parametrize("name", ["0.part", "0.journal"])
def test_without_one_of_its_files_nothing_counts(tmp_path: Path, name: str) -> None:
    path = tmp_path / "0.part"
    Partial.new(path, IDENTITY).close()
    (tmp_path / name).unlink()

    assert Partial.load(path) is None
    assert bytes_there(path) == 0


def test_a_file_of_another_length_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "0.part"
    Partial.new(path, IDENTITY).close()
    path.write_bytes(b"x")

    assert Partial.load(path) is None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_to_a_journal_is_more_than_a_start_from_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damage") / "0.part"
    partial = Partial.new(path, IDENTITY)
    partial.write(0, [CONTENT[:BLOCK]])
    partial.sync()
    partial.close()
    for name in data.draw(st.lists(st.sampled_from(["journal", "synced"]), unique=True)):
        file = path.with_suffix(f".{name}")
        content = bytearray(file.read_bytes())
        cut = data.draw(st.integers(0, len(content)))
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
            content[at] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content[:cut] if data.draw(st.booleans()) else content)

    found = Partial.load(path)

    if found is not None:
        assert 0 <= found.total <= SIZE
        assert found.size == SIZE
        found.close()


def test_blocks_that_are_forgotten_are_missing_and_keep_their_bytes(tmp_path: Path) -> None:
    partial = Partial.new(tmp_path / "0.part", IDENTITY)
    partial.write(0, [CONTENT[:SIZE]])

    partial.forget([1])

    assert list(partial.missing()) == [(BLOCK, 2 * BLOCK)]
    assert (partial.frontier, partial.total) == (BLOCK, SIZE - BLOCK)
    assert partial.compare(BLOCK, [CONTENT[BLOCK : 2 * BLOCK]]) == set()
    assert partial.compare(BLOCK, [b"x" * BLOCK, b"y"]) == {1, 2}
    partial.close()


def test_nothing_is_left_of_what_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "0.part"
    partial = Partial.new(path, IDENTITY)
    partial.sync()
    partial.close()
    DoneNote(path).write("0" * 64)

    remove(path)

    assert [file.name for file in tmp_path.iterdir()] == ["0.done"]


def test_a_note_that_holds_no_digest_is_none(tmp_path: Path) -> None:
    note = DoneNote(tmp_path / "0.part")
    assert note.read() == ""
    note.write("ab" * 32)
    assert note.read() == "ab" * 32
    (tmp_path / "0.done").write_text("../x")
    assert note.read() == ""


async def test_the_hash_follows_what_is_written_in_whatever_order(tmp_path: Path) -> None:
    partial, threads = Partial.new(tmp_path / "0.part", IDENTITY), Threads()
    hasher = Hasher(partial, threads, git=True)

    for start, end in ((2 * BLOCK, SIZE), (0, 5), (5, BLOCK), (BLOCK, 2 * BLOCK)):
        partial.write(start, [CONTENT[start:end]])
        hasher.grown()
    digests = await hasher.digests()

    content = CONTENT[:SIZE]
    assert digests.sha256 == hashlib.sha256(content).hexdigest()
    blob = b"blob %d\0" % SIZE + content
    assert digests.git_sha1 == hashlib.sha1(blob, usedforsecurity=False).hexdigest()
    partial.close()
    threads.close()
