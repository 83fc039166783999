"""A model that reads and does not write, through the service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import gguf
import grpc.aio
import numpy as np
import pytest

from funland.v1 import inference_pb2, models_pb2
from funland_server.app import Server
from tests.server.conftest import call, details
from tests.worker.engines.llama_cpp.tiny_bert import BEGIN, SEPARATOR, WORDS, tiny_bert

QUERY = "where is the cat ?"
DOCUMENTS = ["the dog runs", "the cat sleeps on the sofa", "a bird sings"]


def ids(text: str) -> list[int]:
    return [5 + WORDS.index(word) for word in text.split()]


async def test_it_embeds_and_ranks_as_its_weights_say(server: Server, tmp_path: Path) -> None:
    bert, file = tiny_bert(), tmp_path / "ranker.gguf"
    await asyncio.to_thread(bert.write, file, pooling=gguf.PoolingType.RANK)
    model = await call(server, "ImportModel", models_pb2.ImportModelRequest(path=str(file)))
    assert model.kind == models_pb2.Model.RANKING  # before it is loaded

    embed = inference_pb2.EmbedRequest(
        model="ranker", inputs=DOCUMENTS, pooling=inference_pb2.EmbedRequest.CLS
    )
    vectors = [list(each.values) for each in (await call(server, "Embed", embed)).embeddings]
    rerank = inference_pb2.RerankRequest(model="ranker", query=QUERY, documents=DOCUMENTS)
    results = (await call(server, "Rerank", rerank)).results

    texts = [ids(text) for text in DOCUMENTS]
    states = np.array([bert.states([BEGIN, *text, SEPARATOR])[0] for text in texts])
    expected = states / np.linalg.norm(states, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=2e-3)
    pairs = [[BEGIN, *ids(QUERY), SEPARATOR, *text, SEPARATOR] for text in texts]
    scores = [bert.score(pair) for pair in pairs]
    assert [result.index for result in results] == list(np.argsort(scores)[::-1])
    best = np.sort(scores)[::-1]
    assert [result.raw_score for result in results] == pytest.approx(best.tolist(), abs=2e-3)
    shares = 1 / (1 + np.exp(-best))
    assert [result.score for result in results] == pytest.approx(shares.tolist(), abs=1e-3)


async def test_it_says_that_it_writes_nothing(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "reader.gguf"
    await asyncio.to_thread(tiny_bert().write, file)
    await call(server, "ImportModel", models_pb2.ImportModelRequest(path=str(file)))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "Generate", inference_pb2.GenerateRequest(model="reader", prompt="a"))

    assert details(raised.value)["ErrorInfo"].reason == "MODEL_CANNOT_GENERATE"
    model = await call(server, "GetModel", models_pb2.GetModelRequest(model_id="reader"))
    assert (model.can_generate, model.can_rerank, model.can_chat) == (False, False, False)
    assert model.kind == models_pb2.Model.EMBEDDING
