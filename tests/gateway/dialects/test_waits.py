"""What streams of older APIs tell in comments of loads and prompts, and when."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.inference_pb2 import Delta, GenerationEvent, Loading, Prefill, Queued
from funland.v1.responses_pb2 import ResponseEvent
from funland_gateway.dialects.waits import Waits, loading_text, prefill_text

GIGABYTE = 10**9
READING = Loading(
    model="tiny",
    stage=Loading.READING,
    fraction=0.4247,
    done_bytes=1_231_000_000,
    total_bytes=29 * GIGABYTE // 10,
)


@pytest.mark.parametrize(
    ("loading", "text"),
    [
        pytest.param(READING, "loading tiny 42% (1.2 of 2.9 GB)", id="read"),
        pytest.param(
            Loading(model="tiny", stage=Loading.READING, total_bytes=7_241_280),
            "loading tiny (7.2 MB)",
            id="an engine that does not tell how much",
        ),
        pytest.param(
            Loading(model="tiny", stage=Loading.READING, fraction=0, done_bytes=0, total_bytes=900),
            "loading tiny 0% (0 of 900 B)",
            id="nothing yet",
        ),
        pytest.param(
            Loading(model="tiny", stage=Loading.STARTING, total_bytes=GIGABYTE),
            "loading tiny (1.0 GB)",
            id="its process starts",
        ),
        pytest.param(
            Loading(model="tiny", stage=Loading.PREPARING, fraction=1, total_bytes=GIGABYTE),
            "loading tiny, preparing",
            id="all read",
        ),
        pytest.param(
            Loading(model="tiny", stage=Loading.WAITING, waiting_for="memory\nof other"),
            "loading tiny, waits: memory of other",
            id="one line",
        ),
    ],
)
def test_a_load_is_told_as_far_as_it_is_known(loading: Loading, text: str) -> None:
    assert loading_text(loading) == text


def test_a_prompt_is_told_with_what_was_cached() -> None:
    assert (
        prefill_text(Prefill(done=512, total=2048, cached=128)) == "prefill 512/2048 (cached 128)"
    )


class Stream:
    """The comments of one stream, whose events come at seconds."""

    def __init__(self) -> None:
        self._now = 0.0
        self._waits = Waits(lambda: self._now)

    def at(self, seconds: float, event: Any) -> bytes:
        self._now = seconds
        if self._waits.see(event):
            return self._waits.news()
        self._waits.answered()
        return b""

    def told(self) -> bytes:
        return self._waits.told()


def loading(percent: int) -> GenerationEvent:
    return GenerationEvent(
        loading=Loading(
            model="m", stage=Loading.READING, fraction=percent / 100,
            done_bytes=percent, total_bytes=100,
        )
    )  # fmt: skip


def prefill(done: int) -> GenerationEvent:
    return GenerationEvent(prefill=Prefill(done=done, total=9))


def test_a_call_that_fails_within_a_second_still_has_a_status_of_its_own() -> None:
    stream = Stream()

    told = [stream.at(seconds, loading(10)) for seconds in (0, 0.5, 0.99, 1)]

    assert told == [b"", b"", b"", b": loading m 10% (10 of 100 B)\n\n"]


def test_comments_come_at_most_four_times_a_second() -> None:
    stream = Stream()

    told = [stream.at(1 + step / 100, loading(step)) for step in range(100)]

    assert sum(map(bool, told)) == 4


def test_an_answer_that_has_begun_tells_its_prompt_at_once() -> None:
    stream = Stream()
    stream.at(0, GenerationEvent(delta=Delta(text="H")))

    assert stream.at(0.01, prefill(4)) == b": prefill 4/9 (cached 0)\n\n"


def test_a_whole_prompt_is_no_news() -> None:
    stream = Stream()

    assert stream.at(5, prefill(9)) == b""


@pytest.mark.parametrize(
    ("event", "comment"),
    [
        (GenerationEvent(queued=Queued(position=3)), b": queued 3\n\n"),
        (loading(42), b": loading m 42% (42 of 100 B)\n\n"),
        (ResponseEvent(loading=loading(42).loading), b": loading m 42% (42 of 100 B)\n\n"),
        (ResponseEvent(prefill=Prefill(done=4, total=9)), b": prefill 4/9 (cached 0)\n\n"),
        (GenerationEvent(delta=Delta(text="a")), b": waiting\n\n"),
    ],
)
def test_a_long_silence_tells_the_latest(event: Any, comment: bytes) -> None:
    stream = Stream()

    stream.at(0, event)

    assert stream.told() == comment
