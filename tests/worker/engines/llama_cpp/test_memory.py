"""What a memory can do is told by its signs, and decides what is asked of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from funland_worker.engines.llama_cpp.cache.state import EMPTY_SIZE
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.llama_cpp.probing import LATE, UNEVEN, Signs, memory_of
from funland_worker.engines.llama_cpp.scheduler import alike
from funland_worker.engines.llama_cpp.speculation.rollback import agree

SEVERAL = Memory(copies_parts=False, moves=False, shifts=False, undoes_passes=False)
STATES = replace(SEVERAL, drops_tails=False, keeps_states=True)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        (Signs("llama", EMPTY_SIZE), Memory()),
        (Signs("llama", EMPTY_SIZE, rolls_back=1), Memory()),
        (Signs("step35", EMPTY_SIZE, shifts=False), Memory(shifts=False)),
        (Signs("bert", 0), replace(SEVERAL, remembers=False)),
        (Signs("gemma3", 2 * EMPTY_SIZE, window=48), replace(SEVERAL, window=48)),
        (Signs("phi3", EMPTY_SIZE, window=48), replace(SEVERAL, window=48)),
        (Signs("minimax-m3", EMPTY_SIZE + 8), SEVERAL),
        (Signs("mamba2", EMPTY_SIZE, recurrent=True), STATES),
        (Signs("qwen35", 28, recurrent=True, rolls_back=1), replace(STATES, rolls_back=1)),
        *((Signs(name, EMPTY_SIZE), Memory(even_passes=True)) for name in UNEVEN),
        *((Signs(name, EMPTY_SIZE), Memory(shares_cells=False)) for name in LATE),
    ],
)
def test_abilities_follow_from_what_llama_cpp_shows(signs: Signs, expected: Memory) -> None:
    assert memory_of(signs) == expected


@pytest.mark.parametrize(
    ("memory", "takes_back", "branches"),
    [
        (Memory(), True, True),
        (SEVERAL, True, True),
        (STATES, False, True),
        (replace(STATES, rolls_back=8), True, True),
        (replace(STATES, shares_cells=False), False, False),
        (replace(STATES, even_passes=True), False, False),
        (Memory(shares_cells=False), True, True),
    ],
)
def test_a_text_can_be_guessed_where_it_takes_back_and_guess_where_it_branches(
    memory: Memory, takes_back: bool, branches: bool
) -> None:
    assert (memory.takes_back > 0, memory.branches) == (takes_back, branches)


@pytest.mark.parametrize(
    ("one", "same", "other", "right"),
    [
        ([b"a", b"b"], [b"a", b"b"], [b"c", b"d"], True),
        ([b"a", b"b"], [b"a", b"x"], [b"c", b"d"], False),  # what was taken back left a trace
        ([b"a", b"b"], [b"a", b"b"], [b"c", b"b"], False),  # what stays left none
        ([b"a", None], [b"a", b"b"], [b"c", b"d"], False),
    ],
)
def test_states_show_whether_tokens_were_taken_back(
    one: list[bytes | None], same: list[bytes | None], other: list[bytes | None], right: bool
) -> None:
    assert agree(one, same, other) == right


@pytest.mark.parametrize(
    ("lengths", "kept"),
    [
        ([3], [3]),
        ([3, 3], [3, 3]),
        ([8, 3], [8, 0]),
        ([5, 3], [3, 3]),
        ([8, 3, 3], [3, 3, 3]),
        ([8, 8, 1, 1], [8, 8, 0, 0]),
    ],
)
def test_texts_have_as_many_guesses_in_a_pass_or_none(lengths: list[int], kept: list[int]) -> None:
    texts = [cast("Generation", text) for text in range(len(lengths))]
    guesses: dict[Any, list[int]] = {
        text: [*range(count)] for text, count in zip(texts, lengths, strict=True)
    }

    left = alike(guesses)

    assert [len(left.get(text, [])) for text in texts] == kept
    assert all(guesses[text][: len(guessed)] == guessed for text, guessed in left.items())
