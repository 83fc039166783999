"""Embeddings of a model that writes: a text's vectors follow from those of its beginnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland_worker.engines.llama_cpp import reading
from funland_worker.engines.llama_cpp.embedding import Embedder
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.reading import ROWS
from funland_worker.engines.protocol import EngineError, Prompt
from tests.worker.conftest import GREEDY, STORY, Driver

MEAN, CLS, LAST = EmbedRequest.MEAN, EmbedRequest.CLS, EmbedRequest.LAST
SENTENCE = "The cat sleeps on the sofa."

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def embedder(model: LlamaModel) -> Embedder:
    return Embedder(model, 2048, 1)


def embed(
    embedder: Embedder, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
) -> Array:
    return np.array(embedder.embed(texts, pooling))


def assert_close(vectors: Array, expected: Array) -> None:
    """To a thirtieth of their length: the weights are of 8 bits, and how llama.cpp multiplies them
    depends on how many rows there are."""
    errors = np.linalg.norm(vectors - expected, axis=-1)
    assert np.all(30 * errors <= np.linalg.norm(expected, axis=-1)), errors


def tokens(model: LlamaModel, text: str) -> list[int]:
    return model.vocabulary.tokenize(text, add_special=True, parse_special=False)


def test_a_mean_is_that_of_the_last_states_of_all_beginnings(
    model: LlamaModel, embedder: Embedder
) -> None:
    text = tokens(model, SENTENCE)
    states = embed(embedder, [text[:end] for end in range(1, len(text) + 1)], LAST)

    assert_close(embed(embedder, [text], MEAN)[0], states.mean(axis=0))
    assert_close(embed(embedder, [text], CLS)[0], states[0])


@pytest.mark.parametrize("pooling", [MEAN, CLS, LAST])
def test_a_text_of_several_passes_has_the_vector_of_one_pass(
    model: LlamaModel,
    embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
    pooling: EmbedRequest.Pooling.ValueType,
) -> None:
    text = (tokens(model, SENTENCE + STORY) * ROWS)[: 2 * ROWS + 1]
    parted = embed(embedder, [text], pooling)

    monkeypatch.setattr(reading, "ROWS", 4 * ROWS)
    whole = embed(Embedder(model, 2048, 1), [text], pooling)

    assert_close(parted, whole)


def test_texts_of_any_length_keep_their_order_and_their_vectors(
    model: LlamaModel, embedder: Embedder
) -> None:
    text = tokens(model, STORY) * ROWS
    lengths = [3, ROWS, 0, 1, ROWS + 1, *range(2, 80, 3), 5]
    alone = [embed(embedder, [text[:length]], MEAN)[0] for length in lengths]

    together = embed(embedder, [text[:length] for length in lengths], MEAN)

    assert_close(together, np.array(alone))
    assert not np.any(together[2])


def test_close_texts_have_close_vectors(model: LlamaModel, embedder: Embedder) -> None:
    texts = [SENTENCE, "A cat sleeps on the sofa.", "如何安装一个模型"]
    vectors = embed(embedder, [tokens(model, text) for text in texts], MEAN)

    cat, other_cat, install = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    assert cat @ other_cat > cat @ install


def test_embedding_leaves_running_texts_alone(driver: Driver) -> None:
    short = replace(GREEDY, max_tokens=20, ignore_end=True)
    alone = driver.complete(STORY, short)[0]
    driver.submit(1, STORY, short)
    driver.step()

    driver.engine.embed([driver.tokens(SENTENCE)], MEAN)
    driver.run()

    assert driver.texts[1] == alone


def test_a_model_without_a_ranking_head_ranks_nothing(driver: Driver) -> None:
    assert not driver.engine.can_rank

    with pytest.raises(EngineError) as raised:
        driver.engine.rank_pair("query", "document")

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


def test_an_adapter_that_is_not_attached_is_refused(driver: Driver) -> None:
    prompt = Prompt(1, driver.tokens(STORY), GREEDY, monotonic(), adapters=(("polite", 1.0),))

    with pytest.raises(EngineError) as raised:
        driver.engine.submit(prompt)

    assert raised.value.reason == ErrorReason.ADAPTER_NOT_FOUND
    assert driver.engine.idle
