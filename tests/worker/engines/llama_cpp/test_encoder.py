"""Models that read a text as a whole: their vectors and scores are those of the arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import gguf
import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.encoder import LlamaEncoder
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError, Prompt, Sampling
from tests.worker.engines.llama_cpp.tiny_bert import (
    BEGIN,
    CONTEXT,
    MARKS,
    SEPARATOR,
    UNKNOWN,
    WORDS,
    Array,
    TinyBert,
    tiny_bert,
)

TEXTS = ["The cat sleeps on the sofa.", "a bird sings", "Where is the dog?", "tree", "a cat"]
QUERY, DOCUMENT = "where is the cat ?", "the cat sleeps under the tree ."


@dataclass(frozen=True, slots=True)
class Encoder:
    """An engine, and what it should compute."""

    engine: LlamaEncoder
    bert: TinyBert

    def tokens(self, text: str) -> list[int]:
        return self.engine.vocabulary.tokenize(text, add_special=True, parse_special=False)


StartEncoder = Callable[..., Encoder]


@pytest.fixture(scope="module")
def start_encoder(tmp_path_factory: pytest.TempPathFactory) -> StartEncoder:
    """Makes an engine: `start_encoder(pooling=gguf.PoolingType.RANK)`."""
    library.start()
    bert = tiny_bert()

    def start(
        pooling: gguf.PoolingType | None = gguf.PoolingType.MEAN,
        adds_end: bool | None = None,
        adds_separator: bool | None = None,
    ) -> Encoder:
        path = tmp_path_factory.mktemp("bert") / "bert.gguf"
        bert.write(path, pooling=pooling, adds_end=adds_end, adds_separator=adds_separator)
        return Encoder(LlamaEncoder(LlamaModel(path), 32768, 1), bert)

    return start


@pytest.fixture(scope="module")
def encoder(start_encoder: StartEncoder) -> Encoder:
    return start_encoder()


@pytest.fixture(scope="module")
def ranker(start_encoder: StartEncoder) -> Encoder:
    return start_encoder(gguf.PoolingType.RANK)


def pooled(states: Array, pooling: EmbedRequest.Pooling.ValueType) -> Array:
    if pooling == EmbedRequest.MEAN:
        return states.mean(axis=0)
    return states[0] if pooling == EmbedRequest.CLS else states[-1]


def assert_close(vectors: list[list[float]], expected: Sequence[Array]) -> None:
    """To a thousandth of the largest value: llama.cpp keeps keys and values in half precision."""
    np.testing.assert_allclose(vectors, expected, atol=1e-3 * float(np.abs(expected).max()))


def ids(text: str) -> list[int]:
    words = [*MARKS, *WORDS]
    return [words.index(word) for word in text.split()]


@pytest.mark.parametrize("pooling", [EmbedRequest.MEAN, EmbedRequest.CLS, EmbedRequest.LAST])
def test_vectors_are_those_of_the_arithmetic(
    encoder: Encoder, pooling: EmbedRequest.Pooling.ValueType
) -> None:
    texts = [encoder.tokens(text) for text in TEXTS]

    vectors = encoder.engine.embed(texts, pooling)

    assert_close(vectors, [pooled(encoder.bert.states(tokens), pooling) for tokens in texts])


@pytest.mark.parametrize(
    ("own", "pooling"),
    [
        (gguf.PoolingType.MEAN, EmbedRequest.MEAN),
        (gguf.PoolingType.CLS, EmbedRequest.CLS),
        (gguf.PoolingType.LAST, EmbedRequest.LAST),
        (None, EmbedRequest.MEAN),
    ],
)
def test_who_asks_for_no_pooling_gets_the_models_own(
    start_encoder: StartEncoder,
    own: gguf.PoolingType | None,
    pooling: EmbedRequest.Pooling.ValueType,
) -> None:
    encoder = start_encoder(own)
    texts = [encoder.tokens(TEXTS[0])]

    assert encoder.engine.embed(texts, EmbedRequest.POOLING_UNSPECIFIED) == pytest.approx(
        np.array(encoder.engine.embed(texts, pooling))
    )


def test_a_text_as_long_as_the_context_is_read_as_a_whole(start_encoder: StartEncoder) -> None:
    encoder = start_encoder()
    assert encoder.engine.context_length == CONTEXT, "the table of positions ends there"
    tokens = (encoder.tokens(" ".join(TEXTS)) * CONTEXT)[:CONTEXT]

    for length in (300, CONTEXT):
        (vector,) = encoder.engine.embed([tokens[:length]], EmbedRequest.CLS)

        # The first token's state has seen the last token, so nothing was cut off.
        assert_close([vector], [encoder.bert.states(tokens[:length])[0]])


def test_more_texts_than_a_pass_holds_keep_their_order(encoder: Encoder) -> None:
    texts = [encoder.tokens(TEXTS[number % len(TEXTS)]) for number in range(200)]

    vectors = encoder.engine.embed(texts, EmbedRequest.MEAN)

    expected = [encoder.bert.states(encoder.tokens(text)).mean(axis=0) for text in TEXTS]
    assert_close(vectors, expected * (len(texts) // len(TEXTS)))


def test_scores_are_those_of_the_arithmetic(ranker: Encoder) -> None:
    pairs = [ranker.engine.rank_pair(QUERY, document) for document in (*TEXTS, DOCUMENT)]

    scores = ranker.engine.rank(pairs)

    assert scores == pytest.approx([ranker.bert.score(pair) for pair in pairs], abs=1e-3)
    assert max(scores) - min(scores) > 0.1, "the documents differ"


@pytest.mark.parametrize(
    ("adds_end", "adds_separator", "between"),
    [
        (None, None, [SEPARATOR]),
        (True, False, [SEPARATOR]),
        (True, True, [SEPARATOR, SEPARATOR]),
    ],
)
def test_a_pair_has_the_marks_that_the_file_asks_for(
    start_encoder: StartEncoder,
    adds_end: bool | None,
    adds_separator: bool | None,
    between: list[int],
) -> None:
    encoder = start_encoder(gguf.PoolingType.RANK, adds_end, adds_separator)

    pair = encoder.engine.rank_pair(QUERY, DOCUMENT)

    assert pair == [BEGIN, *ids(QUERY), *between, *ids(DOCUMENT), SEPARATOR]


def test_a_template_for_pairs_is_filled_in(tmp_path: Path) -> None:
    template = "[CLS] what {query} [MASK] {document} [SEP]"
    path = tiny_bert().write(
        tmp_path / "bert.gguf", pooling=gguf.PoolingType.RANK, rank_template=template
    )
    engine = LlamaEncoder(LlamaModel(path), CONTEXT, 1)

    pair = engine.rank_pair("the {document}", "a [SEP] dog")

    words = [token for token in pair if token != UNKNOWN]
    assert words == ids("[CLS] what the [MASK] a dog [SEP]")


def test_a_mark_within_a_document_is_text(ranker: Encoder) -> None:
    pair = ranker.engine.rank_pair("a cat", "a [SEP] dog")

    assert pair.count(SEPARATOR) == 2


def test_it_writes_no_text(encoder: Encoder) -> None:
    prompt = Prompt(1, encoder.tokens("a cat"), Sampling(), monotonic())

    with pytest.raises(EngineError) as raised:
        encoder.engine.submit(prompt)

    assert raised.value.reason == ErrorReason.MODEL_CANNOT_GENERATE
    assert encoder.engine.idle


def test_without_a_ranking_head_it_ranks_nothing(encoder: Encoder) -> None:
    assert not encoder.engine.can_rank

    with pytest.raises(EngineError) as raised:
        encoder.engine.rank([encoder.tokens("a cat")])

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


def test_a_text_without_tokens_is_a_vector_of_zeros(encoder: Encoder) -> None:
    tokens = encoder.tokens("a cat")

    vectors = encoder.engine.embed([[], tokens, []], EmbedRequest.MEAN)

    assert not np.any(vectors[0])
    assert np.any(vectors[1])
    assert not np.any(vectors[2])


def test_the_embedded_model_writes_and_the_tiny_one_reads(
    model: LlamaModel, start_encoder: StartEncoder, tmp_path: Path
) -> None:
    bert = LlamaModel(tiny_bert().write(tmp_path / "bert.gguf"))

    assert model.can_generate
    assert not bert.can_generate
    assert not bert.can_rank
