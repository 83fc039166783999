"""Whatever a model keeps of its texts, they are those that llama.cpp itself would write.

`make zoo` tries the same with every architecture (docs/architectures.md).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.rollback import guessed
from tools.zoo.files import write_model
from tools.zoo.one import compare
from tools.zoo.trials import TRIALS, vectors_off

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

PLAIN = Memory()
SEVERAL = Memory(copies_parts=False, moves=False, shifts=False, undoes_passes=False)
STATES = replace(SEVERAL, drops_tails=False, keeps_states=True)
ROLLS_BACK = replace(STATES, rolls_back=1)
ARCHITECTURES = {
    # keys and values: plain, with a table of positions, without flash attention, with a window
    "llama": PLAIN,
    "gpt2": PLAIN,
    "plm": PLAIN,
    "gemma3": replace(SEVERAL, window=48),
    # states, alone and beside keys and values
    "mamba2": STATES,
    "rwkv7": STATES,
    "arwkv7": replace(STATES, even_passes=True),
    "lfm2": ROLLS_BACK,
    "qwen3next": STATES,
    "qwen35": ROLLS_BACK,
    "nemotron_h": ROLLS_BACK,
    # a second cache of what the first is searched by
    "deepseek32": SEVERAL,
    "minimax-m3": SEVERAL,
    # a text can only be copied whole
    "deepseek4": replace(ROLLS_BACK, shares_cells=False),
}
"""And what their memories can do."""
MOST = ("turns", "n = 2", "restart")
TRIED = {
    "llama": TRIALS,
    "gemma3": TRIALS,
    "mamba2": TRIALS,
    "arwkv7": ("plain", "turns"),
    "lfm2": (*MOST, "cancel", "guesses"),
    "qwen35": ("guesses",),
    "nemotron_h": ("guesses",),
    "deepseek32": ("eight", "turns"),
    "minimax-m3": ("eight", "turns"),
    "deepseek4": ("turns",),
}
"""Where not all or most is tried, for the time that it takes."""


class Tiny(NamedTuple):
    """A model of random weights, and a folder for what is kept of it."""

    name: str
    model: LlamaModel
    folder: Path


@pytest.fixture(scope="module")
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("zoo")
    return Tiny(request.param, LlamaModel(write_model(folder, request.param)), folder)


@pytest.mark.parametrize("tiny", ARCHITECTURES, indirect=True)
def test_what_its_memory_can_do_is_known(tiny: Tiny) -> None:
    assert tiny.model.memory == ARCHITECTURES[tiny.name]


@pytest.mark.parametrize("tiny", ["lfm2", "qwen35", "nemotron_h", "deepseek4"], indirect=True)
def test_states_are_rolled_back_where_guesses_need_it_and_llama_cpp_is_right(tiny: Tiny) -> None:
    model = tiny.model

    assert [guessed(model, ahead, 1).takes_back for ahead in (0, 1, 8)] == [0, 1, 8]


@pytest.mark.parametrize(
    ("tiny", "trial"),
    [(name, trial) for name in ARCHITECTURES for trial in TRIED.get(name, MOST)],
    indirect=["tiny"],
)
def test_texts_are_llama_cpps(tiny: Tiny, trial: str) -> None:
    brought = TRIALS[trial](tiny.model, tiny.folder)

    compared = compare(tiny.model, brought)

    assert compared.right == compared.texts > 1, f"off by {compared.off}"
    if trial == "guesses" and tiny.model.memory.rolls_back:
        assert compared.drafted > compared.accepted > compared.drafted / 4


@pytest.mark.parametrize("architecture", ["llama", "bert", "t5encoder"])
def test_vectors_are_llama_cpps(architecture: str, tmp_path: Path) -> None:
    assert vectors_off(LlamaModel(write_model(tmp_path, architecture))) < 1e-3
