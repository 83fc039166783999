"""A model says the same from whatever format it was imported in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1 import worker_pb2
from funland_server.models.formats.folder import read_folder
from funland_worker.engines.choice import load
from funland_worker.engines.loaded import Loaded
from funland_worker.engines.vocabulary import detokenize
from tests.conformance.conftest import CONTEXT, GREEDY, Driver, chat
from tests.conformance.folders import ctranslate2_folder, openvino_folder, safetensors_folder

FORMATS: dict[str, Callable[[Path, Path], Path]] = {
    "OPENVINO_IR": openvino_folder,
    "CTRANSLATE2": ctranslate2_folder,
    "SAFETENSORS": safetensors_folder,
}


@pytest.fixture(scope="module", params=FORMATS)
def folder(
    request: pytest.FixtureRequest, model_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    made = tmp_path_factory.mktemp("folders") / request.param
    return FORMATS[request.param](model_path, made)


@pytest.fixture(scope="module")
def loaded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    settings = LoadSettings(slots=2, context_length=CONTEXT)
    return load(
        worker_pb2.Launch(
            model_path=str(folder),
            socket_path=str(tmp_path_factory.mktemp("worker") / "socket"),
            settings=settings,
            max_context_length=CONTEXT,
            format=Model.Format.Value(folder.name),
        )
    )


def test_the_server_knows_the_format(folder: Path) -> None:
    header = read_folder(folder).header

    assert header.format == folder.name
    assert header.has_chat_template
    assert (header.architecture, header.context_length) == ("llama", 1024)
    assert header.parameter_count == pytest.approx(6_672_128, rel=0.2)


def test_greedy_texts_agree(loaded: Loaded, reference: Driver) -> None:
    sampling = replace(GREEDY, max_tokens=40)

    for question in ("Hello!", "Tell me a story.", "你好"):
        text, outcome = Driver(loaded.engine).complete(chat(question), sampling)
        expected, counted = reference.complete(chat(question), sampling)

        assert text == expected
        assert outcome.prompt_tokens == counted.prompt_tokens


def test_tokens_are_those_of_the_gguf(loaded: Loaded, reference: Driver) -> None:
    text = "<|im_start|>user\nDon't  say 12 things, 你好 🙂!\n\n<|im_end|>"
    mine, expected = loaded.engine.vocabulary, reference.engine.vocabulary
    for parse_special in (True, False):
        tokens = mine.tokenize(text, add_special=True, parse_special=parse_special)

        assert detokenize(mine, tokens) == text
        assert tokens == expected.tokenize(text, add_special=True, parse_special=parse_special)


def test_pieces_marks_and_ends_are_those_of_the_gguf(loaded: Loaded, reference: Driver) -> None:
    mine, expected = loaded.engine.vocabulary, reference.engine.vocabulary
    tokens = range(reference.engine.vocabulary_size)

    assert loaded.engine.vocabulary_size == len(tokens)
    assert list(map(mine.piece, tokens)) == list(map(expected.piece, tokens))
    assert list(map(mine.is_control, tokens)) == list(map(expected.is_control, tokens))
    assert list(map(mine.is_end, tokens)) == list(map(expected.is_end, tokens))


def test_the_chat_template_comes_along(loaded: Loaded) -> None:
    assert loaded.facts.chat_template is not None
    assert "<|im_start|>" in loaded.facts.chat_template
    assert loaded.facts.end_mark == "<|im_end|>"
    assert not loaded.facts.adds_begin_mark
