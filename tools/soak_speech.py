"""Has a long book spoken, and sees that memory does not grow with it, and that leaving it ends it:
`make soak-speech`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, Final

import grpc
import psutil

from funland.v1.models_pb2 import GetModelRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.speech_pb2 import SynthesizeRequest
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from tools.bench.services import Service, funland
from tools.bench.speech import SENTENCES

_PAGE_CHARACTERS: Final = 2000
_MOST_GROWTH: Final = 300 * 10**6
_MOST_CANCEL_MS: Final = 200.0
_IDLE_SECONDS: Final = 30.0
_PARAGRAPH: Final = 6


def book(pages: int) -> str:
    """So many pages of 2,000 characters."""
    sentences = islice(chain.from_iterable(repeat(SENTENCES)), pages * _PAGE_CHARACTERS // 40)
    parts: list[str] = []
    size = 0
    for number, sentence in enumerate(sentences):
        parts.append(sentence + ("\n\n" if number % _PARAGRAPH == _PARAGRAPH - 1 else " "))
        size += len(parts[-1])
        if size >= pages * _PAGE_CHARACTERS:
            break
    return "".join(parts)


def main(say: Callable[[str], None] = print) -> int:
    """Speaks, tells and judges; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--part", type=float, default=0.5, help="when it is left; 1: at its end")
    arguments = parser.parse_args()
    text = book(arguments.pages)
    with (
        tempfile.TemporaryDirectory() as home,
        funland(Path(home)) as service,
        grpc.insecure_channel(service.grpc) as channel,
    ):
        speech, models = SpeechServiceStub(channel), ModelServiceStub(channel)
        for _ in speech.StreamSynthesize(SynthesizeRequest(text="Ready. Are you ready?")):
            pass
        rest = _memory(service)
        say(f"{len(text)} characters; at rest {rest / 1e6:.0f} MB")
        most = _speak(speech, service, text, arguments.part, say)
        ended = _idle_after(models, time.perf_counter())
    say(f"most {most / 1e6:.0f} MB, {(most - rest) / 1e6:.0f} MB above rest; idle {ended:.0f} ms")
    return int(most - rest > _MOST_GROWTH or ended > _MOST_CANCEL_MS)


def _speak(
    speech: Any, service: Service, text: str, part: float, say: Callable[[str], None]
) -> int:
    """Listens until a part of it is spoken, then leaves; the most memory that it took meanwhile."""
    began, most, told = time.perf_counter(), 0, 0
    stream = speech.StreamSynthesize(SynthesizeRequest(text=text))
    for event in stream:
        if not event.HasField("progress"):
            continue
        most = max(most, _memory(service))
        done = event.progress.characters / len(text)
        if int(10 * done) > told:
            told = int(10 * done)
            seconds = event.progress.duration.ToMilliseconds() / 1000
            speed = seconds / (time.perf_counter() - began)
            say(f"{100 * done:3.0f} %, {seconds / 60:.0f} minutes, {speed:.0f} times real time")
        if done >= part:
            break
    stream.cancel()
    return most


def _idle_after(models: Any, left: float) -> float:
    """How long the voice still spoke, in milliseconds."""
    while time.perf_counter() - left < _IDLE_SECONDS:
        loaded = models.GetModel(GetModelRequest(model_id="hibari")).loaded
        if loaded.active_sequences == 0:
            break
    return 1e3 * (time.perf_counter() - left)


def _memory(service: Service) -> int:
    """The resident memory of the server and its workers, in bytes."""
    server = psutil.Process(service.pid)
    return sum(one.memory_info().rss for one in (server, *server.children(recursive=True)))


if __name__ == "__main__":
    sys.exit(main())
