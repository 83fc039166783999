"""Runs are moved where a load asks for it, and refused where they can't be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.choice import load
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.loading import load as listen
from funland_worker.images.loading import load as paint
from tests.conformance.conftest import GREEDY, Driver, chat
from tests.worker.engines.llama_cpp.tiny_bert import tiny_bert
from tools.zoo.files import write_model

STORY = "Tim had a red ball. He liked to play with it in the park. A big dog came. " * 6


def launch(path: Path, folder: Path, **more: int) -> Launch:
    settings = LoadSettings(slots=2, context_length=512, threads=1, **more)  # type: ignore[arg-type]  # enums too
    return Launch(
        model_path=str(path), settings=settings, max_context_length=512, format=Model.GGUF,
        model_sha256="0" * 64, conversion_folder=str(folder), prefix_memory_bytes=50_000_000,
    )  # fmt: skip


@pytest.mark.parametrize(("asked", "least"), [({}, None), ({"cache_reuse_tokens": 64}, 64)])
def test_a_story_behind_another_question_is_moved_if_that_is_asked_for(
    model_path: Path, tmp_path: Path, asked: dict[str, int], least: int | None
) -> None:
    loaded = load(launch(model_path, tmp_path, engine=LoadSettings.LLAMA_CPP, **asked))
    driver = Driver(loaded.engine)
    driver.submit(driver.prompt(chat("Hello. " + STORY), GREEDY))
    driver.run()

    key = driver.submit(driver.prompt(chat("Who came, and what was red? " + STORY), GREEDY))
    driver.run()

    told = loaded.told
    assert (told.cache_reuse_tokens if told.HasField("cache_reuse_tokens") else None) == least
    assert (driver.outcomes[key].cached_tokens > 64) == (least is not None)


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("gemma3", {}, "can't be moved"),
        ("mamba2", {}, "can't be moved"),
        ("gpt2", {}, "moves this model's keys wrongly"),
        ("hunyuan-dense", {}, "moves this model's keys wrongly"),
        ("llama", {"cache": LoadSettings.UNIFIED}, "share one cache"),
        ("llama", {"key_type": LoadSettings.Q8_0}, "kept as F16"),
    ],
)
def test_what_cannot_be_moved_rightly_is_refused(
    tmp_path: Path, name: str, more: dict[str, int], why: str
) -> None:
    path = write_model(tmp_path, name)

    with pytest.raises(EngineError, match=why) as raised:
        load(launch(path, tmp_path, cache_reuse_tokens=64, **more))

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata["field"] == "settings.cache_reuse_tokens"


def test_a_model_that_reads_a_text_as_a_whole_has_nothing_to_move(tmp_path: Path) -> None:
    file = tmp_path / "bert.gguf"
    tiny_bert().write(file)

    with pytest.raises(EngineError, match="keeps nothing of it") as raised:
        load(launch(file, tmp_path, cache_reuse_tokens=64))

    assert raised.value.metadata["field"] == "settings.cache_reuse_tokens"


@pytest.mark.parametrize("engine", [LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2])
def test_other_engines_refuse_it(
    model_path: Path, tmp_path: Path, engine: LoadSettings.Engine.ValueType
) -> None:
    with pytest.raises(EngineError) as raised:
        load(launch(model_path, tmp_path, cache_reuse_tokens=64, engine=engine))

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == "cache_reuse_tokens"


@pytest.mark.parametrize("load_other", [paint, listen])
def test_models_that_write_no_text_refuse_it(
    load_other: Callable[[Launch, LoadNews], object],
) -> None:
    with pytest.raises(EngineError) as raised:
        load_other(Launch(settings=LoadSettings(cache_reuse_tokens=256)), LoadNews())

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == "cache_reuse_tokens"
