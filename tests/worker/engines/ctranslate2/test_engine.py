"""What CTranslate2's engine does beside what all engines do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.choice import load
from funland_worker.engines.ctranslate2.conversion import convert
from funland_worker.engines.ctranslate2.engine import COHORTS
from funland_worker.engines.ctranslate2.gguf_weights import read_gguf
from funland_worker.engines.ctranslate2.safetensors_weights import read_safetensors
from funland_worker.engines.protocol import EngineError, Sampling
from tests.conformance.conftest import GREEDY, Driver, chat
from tests.conformance.folders import safetensors_folder, write_safetensors
from tools.zoo.files import write_model

LONG = replace(GREEDY, max_tokens=900, ignore_end=True)


@pytest.fixture(scope="module")
def engine_driver(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(
        load(
            worker_pb2.Launch(
                model_path=str(model_path),
                socket_path=str(tmp_path_factory.mktemp("worker") / "socket"),
                settings=LoadSettings(engine=LoadSettings.CTRANSLATE2, slots=16),
                max_context_length=1024,
                format=Model.GGUF,
            )
        ).engine
    )


@pytest.fixture
def driver(engine_driver: Driver) -> Iterator[Driver]:
    yield engine_driver
    assert engine_driver.engine.idle


def test_those_who_come_one_by_one_all_run_before_the_first_has_ended(driver: Driver) -> None:
    alone = driver.complete(chat("Tell me a story."), LONG)[0]

    keys = [driver.submit(driver.prompt(chat("Tell me a story."), LONG))]
    driver.step_until_text(keys[0])
    for _ in range(COHORTS + 1):
        keys.append(driver.submit(driver.prompt(chat("Tell me a story."), LONG)))
        driver.step_until_text(keys[-1])

    assert keys[0] not in driver.outcomes
    for key in keys:
        driver.engine.cancel(key[0])
    driver.run()
    for key in keys:
        assert alone.startswith(driver.texts[key])


def test_prompts_of_all_lengths_and_ways_of_choosing_run_together(driver: Driver) -> None:
    ways = [GREEDY, Sampling(seed=1), Sampling(temperature=0, presence_penalty=1.0)]
    calls = [
        (chat("Tell me a story. " * times), replace(way, max_tokens=12, ignore_end=True))
        for times in (1, 10)
        for way in ways
    ]
    alone = [driver.complete(*call)[0] for call in calls]

    keys = [driver.submit(driver.prompt(*call)) for call in calls]
    driver.run()

    assert [driver.texts[key] for key in keys] == alone


@pytest.fixture
def folder(model_path: Path, tmp_path: Path) -> Path:
    return safetensors_folder(model_path, tmp_path / "model")


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_bytes()) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["MambaForCausalLM"]},
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        {"hidden_act": "gelu"},
    ],
)
def test_a_network_that_can_not_be_converted_is_refused(
    folder: Path, changes: dict[str, Any]
) -> None:
    change_config(folder, **changes)

    with pytest.raises(EngineError) as raised:
        read_safetensors(folder)

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


def test_a_model_that_reads_a_text_as_a_whole_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path, "qwen2", attention__causal=False)

    with pytest.raises(EngineError) as raised:
        read_gguf(path)

    assert raised.value.metadata["feature"] == "attention.causal"


def test_a_context_is_no_longer_than_the_models_window(folder: Path, tmp_path: Path) -> None:
    change_config(folder, sliding_window=64)

    loaded = load(
        worker_pb2.Launch(
            model_path=str(folder),
            max_context_length=1024,
            format=Model.SAFETENSORS,
            conversion_folder=str(tmp_path / "kept"),
        )
    )

    assert loaded.engine.context_length == 64


def test_a_tensor_that_is_not_known_is_never_left_out(folder: Path, tmp_path: Path) -> None:
    weights = read_safetensors(folder)
    write_safetensors(
        folder / "more.safetensors", {"model.extra": weights.read("output_norm.weight")}
    )

    with pytest.raises(EngineError) as raised:
        convert(read_safetensors(folder), tmp_path / "kept" / "model", None)

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == "tensor model.extra"
    assert not (tmp_path / "kept").exists()


def test_a_tensor_that_is_missing_is_told_and_nothing_is_kept(folder: Path, tmp_path: Path) -> None:
    change_config(folder, num_hidden_layers=8)

    with pytest.raises(EngineError) as raised:
        convert(read_safetensors(folder), tmp_path / "kept" / "model", None)

    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED
    assert list((tmp_path / "kept").iterdir()) == []


def test_weights_are_those_of_the_gguf(folder: Path, model_path: Path) -> None:
    mine, expected = read_safetensors(folder), read_gguf(model_path)

    assert set(mine.names) == set(expected.names)
    for name in ("token_embd.weight", "blk.3.ffn_down.weight", "blk.0.attn_norm.weight"):
        assert (mine.read(name) == expected.read(name)).all()
