"""Answers are written as they come: thoughts for people, text for all, events for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from funland.v1.inference_pb2 import (
    Delta,
    Finish,
    GenerationEvent,
    Loading,
    Prefill,
    Queued,
    Start,
    TokenLogprob,
)
from funland_cli.answers import write
from funland_cli.output import Output
from funland_client import EventStream, TextStream
from funland_client.retries import Attempts

EVENTS = [
    GenerationEvent(start=Start(id="1", model="tiny")),
    GenerationEvent(queued=Queued(position=2)),
    GenerationEvent(delta=Delta(reasoning="Let me see.")),
    GenerationEvent(delta=Delta(text="Well.")),
    GenerationEvent(finish=Finish(reason=Finish.STOP)),
]


class Call:
    """Stands for gRPC's own call."""

    def __init__(self, events: list[GenerationEvent]) -> None:
        self._events: Iterator[GenerationEvent] = iter(events)

    def __next__(self) -> GenerationEvent:
        return next(self._events)

    def cancel(self) -> None:
        pass


def stream(events: list[GenerationEvent]) -> TextStream:
    return TextStream(EventStream(lambda: Call(events), "", Attempts(0, None)))


def test_a_pipe_gets_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write(stream(EVENTS), Output(as_json=False))

    written = capsys.readouterr()
    assert written.out == "Well.\n"
    assert written.err == ""


def test_a_terminal_shows_thoughts_dimmed_and_the_place_in_the_queue(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    write(stream(EVENTS), Output(as_json=False))

    written = capsys.readouterr()
    assert "\x1b[2mLet me see." in written.out
    assert written.out.endswith("\nWell.\n")
    assert "Waiting in the queue, at place 2" in written.err


def test_a_terminal_shows_how_far_a_prompt_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    read = [GenerationEvent(prefill=Prefill(done=512, total=4096)), *EVENTS[2:]]

    write(stream([EVENTS[0], *read]), Output(as_json=False))

    assert "Reading the prompt, 12% of 4096 tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("loading", "line"),
    [
        (Loading(stage=Loading.STARTING, total_bytes=2_900_000_000), "Loading tiny, 2.9 GB"),
        (
            Loading(stage=Loading.READING, fraction=0.42, total_bytes=2_900_000_000),
            "Loading tiny, 42% of 2.9 GB",
        ),
        (Loading(stage=Loading.PREPARING, fraction=1, total_bytes=7), "Preparing tiny"),
        (
            Loading(stage=Loading.WAITING, waiting_for="big is in use"),
            "Waiting to load tiny: big is in use",
        ),
    ],
)
def test_a_terminal_shows_how_far_the_load_is_and_a_pipe_does_not(
    loading: Loading,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    loading.model = "tiny"
    events = [GenerationEvent(loading=loading), EVENTS[0], *EVENTS[2:]]

    write(stream(events), Output(as_json=False))
    piped = capsys.readouterr()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    write(stream(events), Output(as_json=False))

    assert line in capsys.readouterr().err
    assert (piped.out, piped.err) == ("Well.\n", "")


def test_a_program_gets_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    write(stream(EVENTS), Output(as_json=True))

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [next(iter(set(event) - {"choice"})) for event in events] == [
        *("start", "queued", "delta", "delta", "finish")
    ]
    assert events[2]["delta"]["reasoning"] == "Let me see."


def test_tokens_that_are_no_characters_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    token = TokenLogprob(token=b"\xe4", logprob=0, top=[TokenLogprob(token=b" a", logprob=-1)])
    events = [EVENTS[0], GenerationEvent(delta=Delta(text="?", logprobs=[token])), EVENTS[-1]]

    write(stream(events), Output(as_json=False))

    assert r"'\\xe4'" in (out := capsys.readouterr().out)
    assert "100.0%" in out
    assert "' a' 36.8%" in out
