"""What is asked of vocabularies: tokens that callers name, and those of texts they do not want."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.protocol import EngineError, Vocabulary
from funland_worker.engines.tokenizer_json import JsonVocabulary
from funland_worker.engines.vocabulary import banned_runs, check_tokens


@pytest.mark.parametrize(
    ("tokens", "place"),
    [([8], 0), ([0, 7, 8, 9], 2), ([7, -1], 1), ([2**31 - 1], 0)],
)
def test_a_token_that_there_is_not_is_named_by_its_place(tokens: list[int], place: int) -> None:
    with pytest.raises(EngineError) as raised:
        check_tokens(tokens, 8, "sampling.stop_tokens")

    assert raised.value.reason == ErrorReason.TOKEN_UNKNOWN
    assert raised.value.message == f"token {tokens[place]} is not in the vocabulary of 8 tokens"
    assert raised.value.metadata == {
        "vocabulary_size": "8",
        "field": f"sampling.stop_tokens[{place}]",
    }


@pytest.mark.parametrize("tokens", [[], [0], [7, 0, 7]])
def test_tokens_that_there_are_pass(tokens: list[int]) -> None:
    check_tokens(tokens, 8, "tokens")


@pytest.fixture(params=["gpt2", "sentencepiece", "tokenizer.json"])
def any_vocabulary(
    request: pytest.FixtureRequest, vocabulary: Vocabulary, tmp_path: Path
) -> Vocabulary:
    """One whose texts stay as they are, and two that put a space in front of any."""
    if request.param == "gpt2":
        return vocabulary
    if request.param == "sentencepiece":
        return GgufFile(write_sentencepiece(tmp_path / "model.gguf"), weights=False).vocabulary
    return JsonVocabulary(write_tokenizer(tmp_path / "tokenizer.json"), 0, ())


@pytest.mark.parametrize("text", ["time", " time", "bad time", "好", "t", "a\nb"])
def test_a_text_is_banned_with_and_without_a_space(any_vocabulary: Vocabulary, text: str) -> None:
    runs = banned_runs(any_vocabulary, [text])

    written = {b"".join(map(any_vocabulary.piece, run)).decode() for run in runs}
    assert text in written
    assert written <= {text, f" {text}"}
    assert text.startswith(" ") or f" {text}" in written


def test_texts_are_banned_each_once_and_in_any_number(vocabulary: Vocabulary) -> None:
    one, other = banned_runs(vocabulary, ["time"]), banned_runs(vocabulary, ["fox"])

    assert banned_runs(vocabulary, ["time", "fox", "time"]) == one + other
    assert len(set(one)) == len(one)
    assert banned_runs(vocabulary, []) == ()


_PIECES = ["▁", "t", "i", "m", "e", "ti", "me", "time", "▁t", "▁time", "b", "a", "d", "bad", "▁bad"]


def write_sentencepiece(path: Path) -> Path:
    """A vocabulary alone, in Llama 2's form."""
    writer = gguf.GGUFWriter(path, "llama")
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *_PIECES]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(_PIECES)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * 259 + [float(len(piece)) for piece in _PIECES])
    writer.add_token_types(kinds)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_head_count(1)
    writer.add_feed_forward_length(32)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("marks", "known"),
    [
        (("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"), True),
        (("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), True),  # noqa: RUF001 - as DeepSeek's are
        (("<|fim_prefix|>", "<|fim_suffix|>"), False),
        ((), False),
    ],
)
def test_the_marks_of_a_text_with_a_gap_are_known_by_their_names(
    tmp_path: Path, marks: tuple[str, ...], known: bool
) -> None:
    path = write_tokenizer(tmp_path / "tokenizer.json", marks)

    vocabulary = JsonVocabulary(path, 0, ())

    assert vocabulary.infill == (tuple(map(vocabulary.token, marks)) if known else None)


def write_tokenizer(path: Path, marks: Sequence[str] = ()) -> Path:
    """A vocabulary of a hub, in Llama 2's form, with more marks if any are given."""
    from tokenizers import Tokenizer, decoders, models, normalizers  # noqa: PLC0415 - slow to load

    tokens = {f"<0x{byte:02X}>": byte for byte in range(256)}
    tokens |= {piece: 256 + place for place, piece in enumerate(_PIECES)}
    merges = [("t", "i"), ("m", "e"), ("ti", "me"), ("▁", "time"), ("b", "a"), ("ba", "d")]
    tokens["ba"] = len(tokens)
    tokenizer: Any = Tokenizer(models.BPE(vocab=tokens, merges=merges, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens(list(marks))
    tokenizer.save(str(path))
    return path
