"""Who waits begins in order, and is told the place that matters."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engines.continuation import Continuation
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Prompt, Sampling
from funland_worker.engines.waiting import WaitingQueue

LOW, NORMAL, HIGH = GenerationOptions.LOW, GenerationOptions.NORMAL, GenerationOptions.HIGH
UNSAID = GenerationOptions.PRIORITY_UNSPECIFIED


class Queue:
    """A queue, and texts of the embedded model for it."""

    def __init__(self, model: LlamaModel) -> None:
        self.waiting: WaitingQueue[Continuation] = WaitingQueue()
        self._model = model

    @property
    def ids(self) -> list[int]:
        return [text.id for text in self.waiting]

    def add(
        self,
        sequence_id: int,
        priority: GenerationOptions.Priority.ValueType = NORMAL,
        choice: int = 0,
    ) -> Continuation:
        prompt = Prompt(sequence_id, [1], Sampling(), 0.0, choice=choice, priority=priority)
        text = Continuation(prompt, self._model.vocabulary, 8)
        self.waiting.add(text)
        return text

    def begin(self) -> Continuation:
        text = self.waiting.next()
        assert text is not None
        self.waiting.remove(text)
        text.begin()
        return text


@pytest.fixture
def queue(model: LlamaModel) -> Queue:
    return Queue(model)


def test_the_more_urgent_come_first_and_then_the_earlier(queue: Queue) -> None:
    for number, priority in enumerate((LOW, NORMAL, HIGH, UNSAID, LOW, HIGH)):
        queue.add(number, priority)

    assert queue.ids == [2, 5, 1, 3, 0, 4]
    assert len(queue.waiting) == 6


def test_one_that_is_put_back_is_the_next_of_its_priority(queue: Queue) -> None:
    for number, priority in enumerate((NORMAL, NORMAL, LOW)):
        queue.add(number, priority)
    first = queue.begin()
    queue.add(3, HIGH)

    queue.waiting.put_back(first)

    assert queue.ids == [3, 0, 1, 2]


def test_all_texts_of_a_sequence_are_cancelled_together(queue: Queue) -> None:
    gone = [queue.add(1, choice=choice) for choice in range(2)]
    queue.add(2)

    assert queue.waiting.cancel(1) == gone
    assert queue.waiting.cancel(1) == []
    assert queue.ids == [2]


def test_a_place_is_told_when_it_changes_and_only_then(queue: Queue) -> None:
    queue.add(1)
    queue.add(2)
    assert queue.waiting.moved() == ((1, 1), (2, 2))
    assert queue.waiting.moved() == ()

    queue.add(3, HIGH)
    assert queue.waiting.moved() == ((3, 1), (1, 2), (2, 3))

    queue.waiting.cancel(1)
    assert queue.waiting.moved() == ((2, 2),)


def test_a_sequence_has_one_place_until_the_first_of_its_texts_begins(queue: Queue) -> None:
    for choice in range(2):
        queue.add(1, choice=choice)
    queue.add(2)
    assert queue.waiting.moved() == ((1, 1), (2, 2))

    begun = queue.begin()
    queue.waiting.put_back(begun)

    assert queue.waiting.moved() == ((2, 1),)


def test_far_back_only_what_changes_by_a_tenth_is_told(queue: Queue) -> None:
    for number in range(1, 101):
        queue.add(number)
    assert len(queue.waiting.moved()) == 100

    told: list[list[int]] = []
    for _ in range(10):
        queue.begin()
        told.append([place for _, place in queue.waiting.moved()])

    assert all(places[:16] == list(range(1, 17)) for places in told)
    assert sum(90 in places for places in told) == 1, "the last is told once that it is the 90th"
    assert max(map(len, told)) < 90
