"""States are counted: what a text's take, and how many fit."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from funland.v1.inference_pb2 import Speculation
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    EstimateModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    LoadSettings,
)
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.formats.header import CacheFacts
from funland_server.models.loading.contexts import copied_scores, held_texts, own_bytes, tokens_of
from funland_server.models.loading.footprint import footprint
from funland_server.models.loading.sizes import Sizes, sizes_of
from funland_server.models.loading.states import slots_for, states_each, texts_held
from funland_worker.engines.llama_cpp.attention import Attention
from funland_worker.engines.llama_cpp.cache.contexts import new_context
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from tests.faults.service import connect
from tools.zoo.files import write_model

if TYPE_CHECKING:
    from tests.conftest import Stack

MIB, GIB = 1024**2, 1024**3
CELLS, SLOTS = 4096, 32
KINDS = [
    "llama", "deepseek2", "gemma3", "mamba", "mamba2", "rwkv7", "jamba", "falcon-h1",
    "lfm2", "nemotron_h", "qwen3next", "qwen35", "kimi-linear", "minimax-01",
    # Keys and values of all heads from what others keep; joined with what asks; made several times;
    # shared by layers; those of an indexer; whole for each text.
    "minicpm3", "plm", "falcon", "hrm_text", "gemma3n", "deepseek32", "minimax-m3", "dots3note",
    "glm5-next", "deepseek4",
]  # fmt: skip
_TOLD = re.compile(r"^(?:llama_kv_cache|llama_memory_recurrent): size = +([\d.]+) MiB")
_PASS = re.compile(r"(?:compute|output) buffer size = +([\d.]+) MiB")


@pytest.mark.parametrize(
    ("architecture", "ahead"),
    [*((kind, 0) for kind in KINDS), ("lfm2", 3), ("nemotron_h", 8), ("qwen35", 8), ("llama", 8)],
)
def test_cache_and_passes_are_counted_as_llama_cpp_makes_them(
    architecture: str, ahead: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_model(tmp_path, architecture)
    settings = LoadSettings(slots=SLOTS, context_length=CELLS // SLOTS, cache=LoadSettings.UNIFIED)
    if ahead:
        guesses = Speculation(method=Speculation.PROMPT_LOOKUP, max_tokens=ahead)
        settings.speculation.CopyFrom(guesses)
    known = sizes_of(read_gguf(path).header, 0)
    model = LlamaModel(path)
    caplog.clear()

    with caplog.at_level(logging.DEBUG, "funland_worker.engines.llama_cpp.library"):
        held = held_texts(known, settings, CELLS) or 1
        context = new_context(model, held, CELLS, 1, held, unified=True, rolls_back=ahead)
        lib.llama_free(context)

    lines = [record.getMessage() for record in caplog.records]
    took, passes = (
        MIB * sum(float(match[1]) for line in lines if (match := pattern.search(line)))
        for pattern in (_TOLD, _PASS)
    )
    estimated = footprint(known, settings, CELLS)
    assert took > 0
    # Some are told to a hundredth of a MiB.
    assert estimated.cache_bytes == pytest.approx(took, rel=0.1, abs=0.01 * MIB)
    in_buffers = estimated.compute_bytes - copied_scores(
        known, settings, tokens_of(known, settings, CELLS)
    )
    # Gemma 3n has 5 MiB more, however long its texts are.
    least = 0.6 if architecture == "gemma3n" else 0.9
    assert least * passes - MIB < in_buffers < 1.25 * passes


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "deepseek2", "qwen35"])
def test_passes_without_scores_take_less(
    architecture: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_model(tmp_path, architecture)
    settings = LoadSettings(
        slots=SLOTS, context_length=CELLS // SLOTS, cache=LoadSettings.UNIFIED, flash_attention=True
    )
    known = sizes_of(read_gguf(path).header, 0)
    model = LlamaModel(path, attention=Attention(flash=True))
    held = held_texts(known, settings, CELLS) or 1
    caplog.clear()

    with caplog.at_level(logging.DEBUG, "funland_worker.engines.llama_cpp.library"):
        lib.llama_free(new_context(model, held, CELLS, 1, held, unified=True))

    lines = [record.getMessage() for record in caplog.records]
    passes = MIB * sum(float(match[1]) for line in lines if (match := _PASS.search(line)))
    estimated = footprint(known, settings, CELLS).compute_bytes
    settings.flash_attention = False
    assert 0.9 < estimated / passes < 1.6
    assert estimated < footprint(known, settings, CELLS).compute_bytes


@pytest.mark.parametrize(
    ("settings", "bytes_each"),
    [
        (LoadSettings(), 2),
        (LoadSettings(value_type=LoadSettings.BF16), 2),
        (LoadSettings(value_type=LoadSettings.F32), 0),
        (LoadSettings(value_type=LoadSettings.Q8_0), 0),
        (LoadSettings(flash_attention=True), 0),
    ],
)
def test_scores_are_copied_for_values_of_16_bits(settings: LoadSettings, bytes_each: int) -> None:
    known = Sizes(0, 1024, 0, 0, cache=CacheFacts(heads=12, unified=True))
    settings.slots = 4
    tokens = tokens_of(known, settings, CELLS)

    copied = copied_scores(known, settings, tokens)

    assert tokens.longest == 4 * CELLS
    assert copied == bytes_each * tokens.computed * tokens.longest * 12


@pytest.mark.parametrize(
    ("settings", "states"),
    [
        (LoadSettings(), 1),
        (LoadSettings(speculation=Speculation(method=Speculation.NONE, max_tokens=4)), 1),
        (LoadSettings(speculation=Speculation(max_tokens=4)), 1),
        (LoadSettings(speculation=Speculation(method=Speculation.PROMPT_LOOKUP)), 9),
        (LoadSettings(draft_model="small"), 9),
        (LoadSettings(draft_model="small", speculation=Speculation(max_tokens=4)), 5),
        (LoadSettings(draft_model="small", speculation=Speculation(method=Speculation.NONE)), 1),
    ],
)
def test_guesses_cost_a_state_for_each_token_ahead(settings: LoadSettings, states: int) -> None:
    known = Sizes(0, 0, 0, 0, state_bytes=MIB)
    settings.slots = 1

    held = held_texts(known, settings, 256)

    assert states_each(settings) == states
    assert footprint(known, settings, 256).cache_bytes == held * states * MIB


@pytest.mark.parametrize(
    ("slots", "state", "weights", "unasked", "held"),
    [
        (32, 1, 0, 32, 65),
        (32, 25 * MIB, 66 * MIB, 32, 40),
        (32, 100 * MIB, 66 * MIB, 9, 10),
        (32, 100 * MIB, 7 * GIB, 32, 65),
        (32, 2 * GIB, 66 * MIB, 1, 2),
        (256, 1, 0, 256, 256),
        (1, 600 * MIB, 0, 1, 2),
    ],
)
def test_as_many_as_fit_into_a_gigabyte_or_what_the_weights_take(
    slots: int, state: int, weights: int, unasked: int, held: int
) -> None:
    assert slots_for(slots, state, weights) == unasked
    assert texts_held(unasked, state, weights) == held


@pytest.mark.parametrize(
    ("facts", "kept_each"),
    [
        (CacheFacts(heads=1, unified=True, each_whole=True), True),
        (CacheFacts(heads=1, unified=True, gathered_values=256), False),
    ],
)
def test_texts_that_take_a_whole_cache_each_are_as_many_as_fit(
    facts: CacheFacts, kept_each: bool
) -> None:
    known = Sizes(0, 1024, 64, 8192, cache=facts)
    settings = LoadSettings(slots=SLOTS)
    whole = 32_768 * 1024

    own = own_bytes(known, settings, 8192)
    settings.slots = slots_for(SLOTS, own, 0)
    held = held_texts(known, settings, 8192)
    told = footprint(known, settings, 8192)

    assert own == whole
    assert (settings.slots, held) == (GIB // whole - 1, GIB // whole)
    assert told.cache_bytes == (held if kept_each else 1) * whole
    assert kept_each or told.compute_bytes > held * whole


def test_slots_that_were_asked_for_each_have_a_state() -> None:
    assert texts_held(32, 100 * MIB, 0) == 33


async def test_a_model_of_large_states_loads_unasked(stack: Stack, tmp_path: Path) -> None:
    large: dict[str, Any] = {"ssm__inner_size": 256, "ssm__state_size": 1024, "block_count": 24}
    path = write_model(tmp_path, "mamba2", name="large-states", **large)
    state = read_gguf(path).header.state_bytes
    assert state is not None
    assert state > 24 * MIB
    async with connect(stack) as service:
        model_id = (await service.models.ImportModel(ImportModelRequest(path=str(path)))).model_id

        loaded = await service.models.LoadModel(LoadModelRequest(model_id=model_id))

        estimate = await service.models.EstimateModel(EstimateModelRequest(model_id=model_id))
        await service.models.DeleteModel(DeleteModelRequest(model_id=model_id))
    assert loaded.loaded.slots == SLOTS
    assert estimate.footprint.cache_bytes == texts_held(SLOTS, state, path.stat().st_size) * state
    assert estimate.measured_bytes == pytest.approx(estimate.footprint.total_bytes, rel=0.1)
