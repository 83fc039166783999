"""How keys and values are kept is as settings have it, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.attention import Attention, CacheType, attention_of
from funland_worker.engines.llama_cpp.attention_choice import Attempt, choose
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.trial import Told, try_apart
from funland_worker.engines.protocol import EngineError
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine
from tools.zoo.files import write_model

F16, BF16, F32, Q8_0, Q4_0 = (
    LoadSettings.F16,
    LoadSettings.BF16,
    LoadSettings.F32,
    LoadSettings.Q8_0,
    LoadSettings.Q4_0,
)
SHORT = replace(GREEDY, max_tokens=16)


def called(value: object) -> str:
    """What a test's name says of a value: of a function no address, which each process has anew."""
    return getattr(value, "__name__", "") or str(value)


@pytest.mark.parametrize(
    ("settings", "on_cpu", "chosen"),
    [
        ({}, True, Attention(F16, F16, flash=False)),
        ({}, False, Attention(F16, F16, flash=None)),
        ({"flash_attention": True}, True, Attention(F16, F16, flash=True)),
        ({"flash_attention": False}, False, Attention(F16, F16, flash=False)),
        ({"key_type": Q8_0}, True, Attention(Q8_0, F16, flash=False)),
        ({"value_type": Q8_0}, True, Attention(F16, Q8_0, flash=True)),
        ({"value_type": Q4_0}, False, Attention(F16, Q4_0, flash=True)),
        ({"value_type": BF16}, True, Attention(F16, BF16, flash=False)),
        (
            {"key_type": Q8_0, "flash_attention": False},
            True,
            Attention(Q8_0, F16, flash=False),
        ),
    ],
    ids=called,
)
def test_what_settings_leave_open_is_chosen(
    settings: dict[str, Any], on_cpu: bool, chosen: Attention
) -> None:
    assert attention_of(LoadSettings(**settings), on_cpu=on_cpu) == chosen


def test_values_in_blocks_need_flash_attention() -> None:
    settings = LoadSettings(value_type=Q8_0, flash_attention=False)

    with pytest.raises(EngineError, match="Q8_0 needs flash attention: leave out") as raised:
        attention_of(settings, on_cpu=True)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": "settings.value_type"}


NO = "it ends its process over it"
AS_WANTED, NO_FLASH, NO_KEYS = Told(keeps=True, flash=True), Told(True, False), Told(False, False)


def answers(told: Told | str, without_flash: Told | str = NO_FLASH) -> Attempt:
    """What is told of a model with and without attention in one pass, whatever the types."""
    return lambda attention: told if attention.flash else without_flash


def no_blocks(attention: Attention) -> Told | str:
    """A model whose keys and values can't be kept in blocks."""
    return NO if Q8_0 in (attention.key_type, attention.value_type) else AS_WANTED


def never(_: Attention) -> Told | str:
    raise AssertionError("nothing is to be tried")


@pytest.mark.parametrize(
    ("settings", "unasked", "on_cpu", "attempt", "chosen"),
    [
        ({}, 0, True, never, Attention()),
        ({"flash_attention": False}, F16, False, never, Attention()),
        ({}, 0, False, answers(AS_WANTED), Attention(flash=None)),
        ({}, 0, False, answers(NO), Attention(flash=False)),
        ({}, 0, False, answers(NO_KEYS), Attention(flash=False)),
        ({"key_type": Q8_0}, 0, False, answers(NO), Attention(Q8_0, F16, flash=False)),
        ({"value_type": Q8_0}, 0, True, answers(AS_WANTED), Attention(F16, Q8_0, flash=True)),
        ({}, Q8_0, True, answers(AS_WANTED), Attention(Q8_0, Q8_0, flash=True)),
        ({"key_type": F16}, Q8_0, True, never, Attention()),
        ({}, Q8_0, True, no_blocks, Attention()),
        ({}, Q8_0, True, answers(NO_KEYS), Attention()),
        ({"flash_attention": False}, Q8_0, True, never, Attention()),
        ({"flash_attention": True}, Q8_0, True, no_blocks, Attention(flash=True)),
    ],
    ids=called,
)
def test_what_can_not_be_and_nobody_asked_for_is_chosen_otherwise(
    settings: dict[str, Any], unasked: CacheType, on_cpu: bool, attempt: Attempt, chosen: Attention
) -> None:
    wanted = LoadSettings(**settings)

    assert choose(wanted, unasked, on_cpu=on_cpu, attempt=attempt) == chosen


@pytest.mark.parametrize(
    ("settings", "attempt", "field", "words"),
    [
        ({"flash_attention": True}, answers(NO), "flash_attention", "set it to false"),
        ({"flash_attention": True}, answers(NO_FLASH), "flash_attention", "set it to false"),
        ({"flash_attention": True}, answers(NO_KEYS), "flash_attention", "set it to false"),
        ({"value_type": Q8_0}, answers(NO), "value_type", "Q8_0 needs flash attention"),
        ({"value_type": Q8_0}, no_blocks, "value_type", "Q8_0: it ends"),
        ({"key_type": Q8_0}, answers(NO, NO), "key_type", "Q8_0: it ends"),
        ({"key_type": Q8_0}, answers(NO_KEYS, NO_KEYS), "key_type", "keeps no keys"),
        ({"value_type": Q8_0}, answers(NO_KEYS), "value_type", "keeps no keys"),
        (
            {"key_type": F32, "value_type": F32},
            answers(NO_KEYS, NO_KEYS),
            "key_type",
            "ask for F16",
        ),
    ],
    ids=called,
)
def test_what_was_asked_for_and_can_not_be_is_an_error(
    settings: dict[str, Any], attempt: Attempt, field: str, words: str
) -> None:
    with pytest.raises(EngineError, match=words) as raised:
        choose(LoadSettings(**settings), Q4_0, on_cpu=True, attempt=attempt)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": f"settings.{field}"}


@pytest.mark.parametrize(
    ("architecture", "attention", "told"),
    [
        ("llama", Attention(Q8_0, Q4_0, flash=True), AS_WANTED),
        ("llama", Attention(Q8_0, F16), NO_FLASH),
        ("grok", Attention(flash=True), NO_FLASH),
        ("mamba2", Attention(Q8_0, Q8_0, flash=True), NO_KEYS),
        ("qwen3next", Attention(Q8_0, Q8_0, flash=True), AS_WANTED),
        ("deepseek4", Attention(Q8_0, F16), "does not support different K (q8_0) and V (f16)"),
        ("deepseek2", Attention(Q8_0, Q8_0, flash=True), "this model's heads have 80"),
    ],
    ids=called,
)
def test_what_llama_cpp_does_is_tried_where_nothing_is_lost(
    tmp_path: Path, architecture: str, attention: Attention, told: Told | str
) -> None:
    found = try_apart(write_model(tmp_path, architecture), attention)

    assert told in found if isinstance(found, str) and isinstance(told, str) else found == told


@pytest.mark.parametrize(
    ("attention", "field"),
    [
        (Attention(Q8_0, F16), "settings.key_type"),
        (Attention(F16, Q4_0, True), "settings.value_type"),
    ],
    ids=["keys", "values"],
)
def test_blocks_must_divide_a_head(attention: Attention, field: str) -> None:
    attention.check(64, 128)

    with pytest.raises(EngineError, match="this model's heads have 80") as raised:
        attention.check(80, 80)

    assert raised.value.metadata == {"field": field}


@pytest.mark.parametrize(
    "attention",
    [
        Attention(F32, F32),
        Attention(BF16, BF16),
        Attention(Q8_0, F16),
        Attention(F16, F16, flash=True),
        Attention(F32, BF16, flash=True),
        Attention(Q8_0, Q8_0, flash=True),
        Attention(LoadSettings.Q5_1, LoadSettings.Q5_0, flash=True),
    ],
    ids=called,
)
def test_the_cpu_writes_the_same_by_each(
    model_path: Path, start_engine: StartEngine, attention: Attention
) -> None:
    model = LlamaModel(model_path, attention=attention)

    driver = Driver(LlamaEngine(model, 256, 2, 1))

    text, _ = driver.complete(STORY, SHORT)
    assert text == start_engine().complete(STORY, SHORT)[0]
