"""Jobs on an engine of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from funland.v1.inference_pb2 import EmbedRequest
from funland.worker.v1.worker_pb2 import EmbedTexts, Job
from funland_worker.embedding import Embedding
from funland_worker.engine_thread import EngineThread
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.gathering import Gathering
from funland_worker.jobs import Jobs
from funland_worker.prompts import PromptReader
from tests.worker.conftest import StartEngine

TEXT = "Once upon a time there was a fox. " * 12
MANY = Job(embed=EmbedTexts(inputs=[TEXT] * 40))


class Counted:
    """An engine's embeddings, counted."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.texts = 0
        self._embed = engine.embed
        engine.embed = self.embed

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        self.texts += len(texts)
        return self._embed(texts, pooling)


class Subject:
    """Jobs, and how many texts they had embedded."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.counted = Counted(engine)
        self.thread = EngineThread(engine, lambda _: None, lambda: False, Gathering())
        self.prompts = PromptReader(engine, None, begin_mark="")
        self.jobs = Jobs(Embedding(engine, self.prompts, self.thread))


@pytest.fixture
async def subject(start_engine: StartEngine) -> AsyncIterator[Subject]:
    subject = Subject(start_engine(context_length=512).engine)
    yield subject
    subject.thread.stop()
    await subject.prompts.close()


async def test_closing_a_job_ends_it_after_the_piece_that_is_computed(subject: Subject) -> None:
    events = subject.jobs.run(MANY)
    async for event in events:
        if event.progress.fraction > 0:
            break

    await events.aclose()
    await subject.thread.run(lambda: None)  # whatever was to be done is done

    assert 0 < subject.counted.texts < 40


async def test_a_job_in_pieces_has_the_vectors_of_its_texts_alone(subject: Subject) -> None:
    texts = [TEXT, "a", TEXT + "It was red.", "b"]
    whole = [event async for event in subject.jobs.run(Job(embed=EmbedTexts(inputs=texts)))]
    alone = [
        [event async for event in subject.jobs.run(Job(embed=EmbedTexts(inputs=[text])))]
        for text in texts
    ]

    assert subject.counted.texts == 8
    for vector, events in zip(whole[-1].result.embed.embeddings, alone, strict=True):
        expected = list(events[-1].result.embed.embeddings[0].values)
        assert list(vector.values) == pytest.approx(expected, abs=1e-3)
