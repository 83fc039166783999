"""How keys and values are kept is as settings have it, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.attention import Attention, attention_of
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

F16, BF16, F32, Q8_0, Q4_0 = (
    LoadSettings.F16,
    LoadSettings.BF16,
    LoadSettings.F32,
    LoadSettings.Q8_0,
    LoadSettings.Q4_0,
)
SHORT = replace(GREEDY, max_tokens=16)


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
    ids=str,
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
    ids=str,
)
def test_the_cpu_writes_the_same_by_each(
    model_path: Path, start_engine: StartEngine, attention: Attention
) -> None:
    model = LlamaModel(model_path, attention=attention)

    driver = Driver(LlamaEngine(model, 256, 2, 1))

    text, _ = driver.complete(STORY, SHORT)
    assert text == start_engine().complete(STORY, SHORT)[0]
