"""States on disk: they come back as they were, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.state import State
from funland_worker.engines.llama_cpp.cache.store import Kept, StateStore

KEY = bytes(range(32))
TOKENS = list(range(100, 200))


def kept(tokens: list[int], size: int = 1000, *, lasting: bool = False) -> Kept:
    written = np.arange(size, dtype=np.uint8)
    return Kept(tokens, State.of(written, 16), lasting)


def folder(
    path: Path,
    limit: int = 1_000_000,
    key: bytes = KEY,
    form: str = "model a",
    lasting_only: bool = False,
) -> SpillFolder:
    return SpillFolder(path, limit, key, form, lasting_only=lasting_only)


def filled(path: Path) -> Path:
    """A folder with one state, and its file."""
    spill = folder(path)
    spill.put((), kept(TOKENS))
    spill.wait()
    (file,) = path.iterdir()
    return file


def test_a_state_comes_back_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path)

    found = folder(tmp_path).longest((), [*TOKENS, 1, 2], 0)

    assert found is not None
    assert found.tokens == TOKENS
    expected = kept(TOKENS).state
    assert (found.state.start, found.state.stop) == (expected.start, expected.stop)
    assert np.array_equal(found.state.buffer, expected.buffer)


def test_a_state_that_cannot_be_cut_is_for_texts_that_begin_with_all_of_it(tmp_path: Path) -> None:
    spill = SpillFolder(tmp_path, 1_000_000, KEY, "model a", entire=True)
    store = StateStore(0, spill, entire=True)
    store.put((), TOKENS, lambda: kept(TOKENS).state, lasting=False)
    store.put((), TOKENS * 2, lambda: kept(TOKENS).state, lasting=False)
    spill.wait()

    found = [store.longest((), known, 0) for known in (TOKENS[:-1], [*TOKENS, 1], TOKENS * 3)]

    assert [one and len(one.tokens) for one in found] == [None, 100, 200]


def test_a_state_in_memory_that_cannot_be_cut_stays_beside_what_continues_it() -> None:
    store = StateStore(1_000_000, entire=True)
    store.put((), TOKENS, lambda: kept(TOKENS).state, lasting=False)
    store.put((), TOKENS * 2, lambda: kept(TOKENS).state, lasting=False)

    found = [store.longest((), known, 0) for known in (TOKENS[:-1], [*TOKENS, 1], TOKENS * 3)]

    assert [one and len(one.tokens) for one in found] == [None, 100, 200]


def test_only_a_longer_beginning_is_read(tmp_path: Path) -> None:
    filled(tmp_path)

    assert folder(tmp_path).longest((), TOKENS, len(TOKENS)) is None


def test_states_of_other_adapters_are_not_taken(tmp_path: Path) -> None:
    filled(tmp_path)

    assert folder(tmp_path).longest((("style", 1.0),), TOKENS, 0) is None


@pytest.mark.parametrize("place", ["seal", "header", "tokens", "state", "end"])
def test_a_file_that_was_changed_is_thrown_away(tmp_path: Path, place: str) -> None:
    file = filled(tmp_path)
    data = bytearray(file.read_bytes())
    position = {"seal": 3, "header": 60, "tokens": len(data) - 1100, "state": len(data) - 500}
    data[position.get(place, len(data) - 1)] ^= 1
    file.write_bytes(bytes(data))

    assert folder(tmp_path).longest((), TOKENS, 0) is None
    assert not file.exists() or place == "tokens"


@pytest.mark.parametrize("length", [0, 10, 40, 300])
def test_a_file_that_was_cut_is_not_taken(tmp_path: Path, length: int) -> None:
    file = filled(tmp_path)
    file.write_bytes(file.read_bytes()[:length])

    assert folder(tmp_path).longest((), TOKENS, 0) is None


@pytest.mark.parametrize(
    "header",
    ["[]", "{}", '{"form":"model a","uses":[[[],1]],"tokens":1e999}', "[" * 9999],
)
def test_a_file_that_tells_nonsense_of_itself_is_removed(tmp_path: Path, header: str) -> None:
    file = tmp_path / "nonsense.state"
    file.write_bytes(bytes(32) + len(header).to_bytes(8, "little") + header.encode())

    assert folder(tmp_path).longest((), TOKENS, 0) is None
    assert not file.exists()


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder.state").mkdir()
    os.mkfifo(tmp_path / "pipe.state")

    assert folder(tmp_path).longest((), TOKENS, 0) is None


def test_another_installations_file_is_not_taken(tmp_path: Path) -> None:
    filled(tmp_path)

    assert folder(tmp_path, key=bytes(32)).longest((), TOKENS, 0) is None


def test_another_models_file_is_removed(tmp_path: Path) -> None:
    file = filled(tmp_path)

    assert folder(tmp_path, form="model b").longest((), TOKENS, 0) is None
    assert not file.exists()


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    spill = folder(tmp_path, limit=4500)
    for first in (1, 2, 3):
        spill.put((), kept([first, *TOKENS]))
        spill.wait()
    assert spill.longest((), [2, *TOKENS], 0) is not None

    spill.put((), kept([4, *TOKENS]))
    spill.wait()

    assert spill.longest((), [3, *TOKENS], 0) is None
    assert spill.longest((), [2, *TOKENS], 0) is not None


def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    file = filled(tmp_path / "states")

    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_state_that_another_continues_is_given_up(tmp_path: Path) -> None:
    spill = folder(tmp_path)
    for tokens in (TOKENS, [*TOKENS, 1, 2], [*TOKENS, 1, 3]):
        spill.put((), kept(tokens))
        spill.wait()

    assert len([*tmp_path.iterdir()]) == 2
    for last in (2, 3):
        found = folder(tmp_path).longest((), [*TOKENS, 1, last], 0)
        assert found is not None
        assert found.tokens == [*TOKENS, 1, last]


def test_what_is_put_away_is_as_much_as_there_is_room_for_the_latest_first(tmp_path: Path) -> None:
    spill = folder(tmp_path, limit=4500)
    latest_first = [((), kept([first, *TOKENS])) for first in (1, 2, 3)]

    spill.put_away(latest_first)

    again = folder(tmp_path, limit=4500)
    assert [again.longest((), [first, *TOKENS], 0) is not None for first in (1, 2, 3)] == [
        True, True, False,
    ]  # fmt: skip


def test_the_order_of_what_was_put_away_outlives_the_process(tmp_path: Path) -> None:
    folder(tmp_path).put_away([((), kept([first, *TOKENS])) for first in (1, 2, 3)])
    again = folder(tmp_path, limit=4500)  # room for two

    assert [again.longest((), [first, *TOKENS], 0) is not None for first in (1, 2, 3)] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("lasting_only", [False, True])
def test_what_may_not_outlive_the_process_is_not_put_away(
    tmp_path: Path, lasting_only: bool
) -> None:
    spill = folder(tmp_path, lasting_only=lasting_only)

    spill.put_away([((), kept([1, *TOKENS], lasting=True)), ((), kept([2, *TOKENS]))])

    assert len([*tmp_path.iterdir()]) == (1 if lasting_only else 2)


def test_what_nobody_came_back_to_for_a_week_is_removed(tmp_path: Path) -> None:
    file = filled(tmp_path)
    week_ago = file.stat().st_mtime - 7 * 24 * 3600 - 1
    os.utime(file, (week_ago, week_ago))

    assert folder(tmp_path).longest((), TOKENS, 0) is None
    assert not file.exists()


def test_a_disk_that_is_full_leaves_no_part_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    spill = folder(tmp_path)
    monkeypatch.setattr(os, "utime", full)

    spill.put_away([((), kept(TOKENS))])

    assert not [*tmp_path.iterdir()]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    file = filled(tmp_path)
    part = file.with_suffix(".part")
    part.write_bytes(file.read_bytes()[:500])

    assert folder(tmp_path).longest((), TOKENS, 0) is not None
    assert not part.exists()
