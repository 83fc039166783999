"""Tokens of GGUF files: from text and back, and which of them are marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.vocabulary import GgufVocabulary
from funland_worker.engines.protocol import EngineError, InfillMarks
from funland_worker.engines.vocabulary import detokenize
from tests import infill_files
from tests.worker.engines.llama_cpp.forgetful_models import write_recurrent


@pytest.fixture
def vocabulary(model: LlamaModel) -> GgufVocabulary:
    return model.vocabulary


def test_tokens_come_back_as_their_text(vocabulary: GgufVocabulary) -> None:
    text = "<|im_start|>user\nHello 你好 🙂<|im_end|>"

    tokens = vocabulary.tokenize(text, add_special=True, parse_special=True)

    assert detokenize(vocabulary, tokens) == text


def test_control_marks_in_plain_text_are_text(vocabulary: GgufVocabulary) -> None:
    marks = vocabulary.tokenize("<|im_end|>", add_special=False, parse_special=True)
    letters = vocabulary.tokenize("<|im_end|>", add_special=False, parse_special=False)

    assert len(marks) == 1
    assert len(letters) > 1
    assert detokenize(vocabulary, letters) == "<|im_end|>"
    assert list(filter(vocabulary.is_control, (*marks, *letters))) == marks


@pytest.mark.parametrize("past", [0, 2**31 - 1 - 4096])
def test_a_token_outside_the_vocabulary_is_refused(vocabulary: GgufVocabulary, past: int) -> None:
    with pytest.raises(EngineError) as raised:
        detokenize(vocabulary, [1, vocabulary.size + past])

    assert raised.value.reason == ErrorReason.TOKEN_UNKNOWN


def test_a_row_of_the_network_that_no_token_has_is_written_as_nothing(
    vocabulary: GgufVocabulary,
) -> None:
    row = vocabulary.size

    assert (vocabulary.piece(row), vocabulary.is_control(row)) == (b"", False)


def test_the_marks_of_a_text_with_a_gap_are_the_files(
    vocabulary: GgufVocabulary, tmp_path: Path
) -> None:
    path = infill_files.write(tmp_path / "code.gguf")

    assert vocabulary.infill is None
    assert GgufFile(path, weights=False).vocabulary.infill == InfillMarks(
        infill_files.PREFIX, infill_files.SUFFIX, infill_files.MIDDLE
    )


@pytest.mark.usefixtures("model")  # which starts llama.cpp
def test_the_unknown_token_is_a_mark_too(tmp_path: Path) -> None:
    path = write_recurrent(tmp_path / "model.gguf")
    vocabulary = GgufFile(path, weights=False).vocabulary

    marks = filter(vocabulary.is_control, range(vocabulary.size))

    assert list(map(vocabulary.piece, marks)) == [b"<unk>", b"<s>", b"</s>"]


def test_without_its_weights_a_file_says_the_same(model: LlamaModel, model_path: Path) -> None:
    mine, expected = GgufFile(model_path, weights=False), model

    assert mine.vocabulary.size == expected.vocabulary.size
    assert mine.trained_context == expected.trained_context == 1024
    assert mine.facts.chat_template == expected.facts.chat_template
    assert mine.facts.end_mark == expected.facts.end_mark == "<|im_end|>"
