"""States on disk: they come back as they were, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.state import State
from funland_worker.engines.llama_cpp.cache.store import Kept

KEY = bytes(range(32))
TOKENS = list(range(100, 200))


def kept(tokens: list[int], size: int = 1000) -> Kept:
    written = np.arange(size, dtype=np.uint8)
    return Kept(tokens, State.of(written, 16))


def folder(
    path: Path, limit: int = 1_000_000, key: bytes = KEY, form: str = "model a"
) -> SpillFolder:
    return SpillFolder(path, limit, key, form)


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
    spill = folder(tmp_path, limit=3500)
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
