"""As many texts run at once as the cache that a load asks for has tokens for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.choice import load
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import CACHE_TOKENS, cache_tokens
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.loading import load as listen
from funland_worker.images.loading import load as paint
from tests.conformance.conftest import GREEDY, Driver, chat
from tests.worker.engines.llama_cpp.tiny_bert import tiny_bert

LONG = "Tell me a story about a cat and a dog who live in a small house by the sea. " * 8
CACHES = (
    LoadSettings(engine=LoadSettings.LLAMA_CPP, cache=LoadSettings.STREAMS),
    LoadSettings(engine=LoadSettings.LLAMA_CPP, cache=LoadSettings.UNIFIED),
    LoadSettings(engine=LoadSettings.OPENVINO),
)


def launch(model_path: Path, folder: Path, *settings: LoadSettings) -> Launch:
    wanted = LoadSettings(slots=4, context_length=512, threads=1)
    for one in settings:
        wanted.MergeFrom(one)
    return Launch(
        model_path=str(model_path), settings=wanted, max_context_length=512, format=Model.GGUF,
        model_sha256="0" * 64, conversion_folder=str(folder),
    )  # fmt: skip


def at_once(driver: Driver, prompts: Sequence[str]) -> int:
    """How many of these texts run in one step at the most."""
    for prompt in prompts:
        driver.submit(driver.prompt(prompt, GREEDY))
    return max(report.active_sequences for report in driver.run())


@pytest.mark.parametrize("cache", CACHES, ids=["streams", "unified", "openvino"])
def test_more_tokens_are_room_for_more_texts(
    model_path: Path, tmp_path: Path, cache: LoadSettings
) -> None:
    prompts = [chat(f"{number}. {LONG}") for number in range(4)]

    small, large = (
        load(launch(model_path, tmp_path, cache, LoadSettings(cache_tokens=tokens)))
        for tokens in (512, 2048)
    )

    assert (small.told.cache_tokens, large.told.cache_tokens) == (512, 2048)
    least = len(Driver(small.engine).prompt(prompts[0], GREEDY).tokens)
    assert 512 < 3 * least < 4 * least < 2048
    assert at_once(Driver(small.engine), prompts) < 3
    assert at_once(Driver(large.engine), prompts) == 4


@pytest.mark.parametrize("cache", CACHES, ids=["streams", "unified", "openvino"])
def test_more_than_all_slots_can_have_is_not_taken(
    model_path: Path, tmp_path: Path, cache: LoadSettings
) -> None:
    asked = LoadSettings(cache_tokens=16_777_216)

    assert load(launch(model_path, tmp_path, cache, asked)).told.cache_tokens == 4 * 512


def test_nothing_asked_for_is_what_is_usual() -> None:
    assert cache_tokens(Launch()) == CACHE_TOKENS
    assert cache_tokens(Launch(settings=LoadSettings(cache_tokens=256))) == 256


def test_a_model_that_reads_a_text_as_a_whole_has_no_such_cache(tmp_path: Path) -> None:
    file = tmp_path / "bert.gguf"
    tiny_bert().write(file)
    wanted = LoadSettings(cache_tokens=512)

    with pytest.raises(EngineError, match="keeps nothing of it") as raised:
        load(launch(file, tmp_path, wanted))

    assert raised.value.metadata["field"] == "settings.cache_tokens"


@pytest.mark.parametrize("load_other", [paint, listen])
def test_models_that_write_no_text_have_no_such_cache(
    load_other: Callable[[Launch, LoadNews], object],
) -> None:
    with pytest.raises(EngineError) as raised:
        load_other(Launch(settings=LoadSettings(cache_tokens=256)), LoadNews())

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == "cache_tokens"
