"""What OpenVINO's engine does beside what all engines do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openvino
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.openvino.embedding import Embedder
from funland_worker.engines.openvino.engine import OpenVinoEngine
from funland_worker.engines.openvino.gguf import MODEL, convert
from funland_worker.engines.openvino.network import Network
from funland_worker.engines.openvino.paged import PagedNetwork
from funland_worker.engines.openvino.placing import config
from funland_worker.engines.openvino.stateful import StatefulNetwork
from funland_worker.engines.protocol import EngineError
from tests.conformance.conftest import GREEDY, Driver, chat

Start = Callable[..., Driver]
EXACT = config(Launch(), "CPU", 1)
SHORT = replace(GREEDY, max_tokens=40, ignore_end=True)
LONG = "Tell me a story about a cat and a dog who live in a small house by the sea. " * 3


@pytest.fixture(scope="module")
def network_path(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openvino") / "model"
    convert(model_path, folder)
    return folder / MODEL


@pytest.fixture(scope="module")
def start(network_path: Path, model_path: Path) -> Start:
    """Makes an engine: `start(cells=128)`, or `start(stateful=True)` as on an NPU."""
    library.start()
    core = openvino.Core()
    vocabulary = GgufFile(model_path, weights=False).vocabulary

    def make(
        *, cells: int = 1024, slots: int = 4, stateful: bool = False, longest: int = 256
    ) -> Driver:
        network: Network
        if stateful:
            slots = 1
            network = StatefulNetwork(
                core,
                network_path,
                "CPU",
                EXACT,
                context_length=256,
                max_prompt_tokens=longest,
            )
        else:
            network = PagedNetwork(core, network_path, "CPU", EXACT, cells)
        embedder = Embedder(core, network_path, "CPU", EXACT)
        return Driver(
            OpenVinoEngine(
                network, vocabulary, embedder, context_length=128, slots=slots, threads=1
            )
        )

    return make


@pytest.fixture(scope="module")
def alone(start: Start) -> str:
    return start().complete(chat(LONG), SHORT)[0]


def test_prompts_that_begin_alike_compute_it_once(start: Start, alone: str) -> None:
    driver = start()
    _, first = driver.complete(chat(LONG), SHORT)

    text, second = driver.complete(chat(LONG), SHORT)

    assert first.cached_tokens == 0
    assert second.cached_tokens == (second.prompt_tokens - 1) // 32 * 32 > 0
    assert text == alone


def test_the_texts_of_one_call_share_its_prompt(start: Start, alone: str) -> None:
    driver = start()
    prompt = driver.prompt(chat(LONG), SHORT)
    keys = [driver.submit(replace(prompt, choice=choice)) for choice in range(3)]

    reports = driver.run()

    length = len(prompt.tokens)
    assert [driver.texts[key] for key in keys] == [alone] * 3
    assert sum(report.prompt_tokens for report in reports) == length + 2 * (length % 32)


def test_when_blocks_run_out_texts_stay_the_same(start: Start) -> None:
    questions = ["Hello!", "Tell me a story.", "你好"]
    roomy = start()
    expected = [roomy.complete(chat(question), SHORT)[0] for question in questions]
    driver = start(cells=128)

    keys = [driver.submit(driver.prompt(chat(question), SHORT)) for question in questions]
    reports = driver.run()

    assert [driver.texts[key] for key in keys] == expected
    assert len({report.active_sequences for report in reports[:40]}) > 1, "one had to wait"


def test_one_at_a_time_as_on_an_npu_says_the_same(start: Start, alone: str) -> None:
    driver = start(stateful=True)
    first = driver.submit(driver.prompt(chat(LONG), SHORT))
    second = driver.submit(driver.prompt(chat("Hello!"), SHORT))

    reports = driver.run()

    assert max(report.active_sequences for report in reports) == 1
    assert driver.texts[first] == alone
    assert driver.texts[second] == start().complete(chat("Hello!"), SHORT)[0]


def test_a_prompt_that_an_npu_would_garble_is_refused_with_the_numbers(start: Start) -> None:
    driver = start(stateful=True, longest=16)
    prompt = driver.prompt(chat(LONG), SHORT)

    with pytest.raises(EngineError) as raised:
        driver.submit(prompt)

    assert raised.value.reason == ErrorReason.PROMPT_TOO_LONG
    assert raised.value.metadata["max_prompt_tokens"] == "16"
    assert raised.value.metadata["prompt_tokens"] == str(len(prompt.tokens))
    fits = driver.prompt(prompt.tokens[-16:], SHORT)
    driver.submit(fits)
    driver.run()
    assert driver.texts[fits.sequence_id, 0]


def test_a_gguf_that_openvino_can_not_read_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\3\0\0\0" + bytes(64))

    with pytest.raises(EngineError) as raised:
        convert(broken, tmp_path / "kept" / "model")

    assert raised.value.metadata["feature"] == "format GGUF"
    assert str(tmp_path) not in raised.value.message
    assert list((tmp_path / "kept").iterdir()) == []
