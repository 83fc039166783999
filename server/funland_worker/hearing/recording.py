"""Hears a recording from its beginning to its end, a window at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland_worker.hearing.languages import Language
from funland_worker.hearing.listener import WINDOW_SECONDS, Heard, Listener, Manner, Segment
from funland_worker.hearing.spectrogram import RATE
from funland_worker.hearing.transcript import moved
from funland_worker.hearing.voice.detector import Span, spans

_WINDOW: Final = round(WINDOW_SECONDS * RATE)
_AHEAD: Final = 4
"""How many stretches of one recording are heard at once."""
_PAUSE: Final = round(1.5 * RATE)
_PACKED: Final = round(9 * RATE)
"""The longest that spans are put together: in a window of 10 seconds, of which four are decoded in
half the time that those of 20 take, and no worse."""
_LEAST: Final = RATE // 10
"""Nothing is said in less."""
_SILENCE: Final = 3e-4
"""The loudness of what nobody can hear: the root of the mean square, of 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """What came of the next window."""

    segments: tuple[Segment, ...]
    """With times in the recording, in seconds."""
    seconds: float
    """So much of the recording was heard."""


class Hearing:
    """One recording. What it found out is there when it is heard."""

    def __init__(self, listener: Listener, manner: Manner) -> None:
        self._listener = listener
        self._manner = manner
        self.language: Language | None = manner.language
        self.language_probability: float | None = None
        """Of a language that was found."""
        self.seconds = 0.0
        """How long the recording is."""

    async def parts(
        self, blocks: Iterator[NDArray[np.float32]], *, voice_detection: bool
    ) -> AsyncGenerator[Part]:
        """Hears mono sound at 16 kHz; memory does not grow with its length.

        Raises:
            EngineError: What `blocks` raises, or the listener.
        """
        heard = self._spoken(blocks) if voice_detection else self._everything(blocks)
        async with aclosing(heard) as parts:
            async for part in parts:
                yield part

    async def _everything(self, blocks: Iterator[NDArray[np.float32]]) -> AsyncGenerator[Part]:
        """Window after window, each from where the last whole segment of the one before ended."""
        waiting = np.zeros(0, np.float32)
        begin, ended = 0, False
        while True:
            more = [waiting]
            while (lacking := _WINDOW - sum(map(len, more))) >= 0 and not ended:
                block = await asyncio.to_thread(next, blocks, None)
                ended = block is None
                if block is not None:
                    more.append(block)
            waiting = np.concatenate(more)
            self.seconds = (begin + len(waiting)) / RATE
            if not len(waiting):
                return
            last = ended and lacking >= 0
            heard = await self._heard(waiting[:_WINDOW], last=last)
            passed = len(waiting) if last else max(round(heard.seconds * RATE), _LEAST)
            yield Part(moved(heard.segments, begin / RATE), (begin + passed) / RATE)
            begin += passed
            waiting = waiting[passed:]

    async def _spoken(self, blocks: Iterator[NDArray[np.float32]]) -> AsyncGenerator[Part]:
        """What is said, some stretches at once as soon as the language is known."""
        stretches = packed(spans(self._counted(blocks)))
        open_: deque[tuple[Span, asyncio.Task[Heard]]] = deque()
        ended = False
        try:
            while open_ or not ended:
                room = _AHEAD if self._manner.language is not None else 1
                while len(open_) < room and not ended:
                    stretch = await asyncio.to_thread(next, stretches, None)
                    if stretch is None:
                        ended = True
                    else:
                        hears = asyncio.create_task(self._heard(stretch.samples, last=True))
                        open_.append((stretch, hears))
                if open_:
                    stretch, hears = open_[0]
                    heard = await asyncio.shield(hears)
                    open_.popleft()
                    start = stretch.start / RATE
                    yield Part(moved(heard.segments, start), start + stretch.seconds)
            yield Part((), self.seconds)
        finally:
            tasks = [hears for _, hears in open_]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    def _counted(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            self.seconds += len(block) / RATE
            yield block

    async def _heard(self, window: NDArray[np.float32], *, last: bool) -> Heard:
        if len(window) < _LEAST or float(np.sqrt(np.mean(np.square(window)))) < _SILENCE:
            return Heard(seconds=len(window) / RATE)
        heard = await self._listener.hear(window, self._manner, last=last)
        if self._manner.language is None and heard.segments and heard.language is not None:
            self.language, self.language_probability = heard.language, heard.language_probability
            self._manner = replace(self._manner, language=heard.language)
        return heard


def packed(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans with those that soon follow them, the pauses between them silent: what is heard
    together is understood better, and in fewer windows."""
    open_: Span | None = None
    for span in spans:
        if open_ is None:
            open_ = span
            continue
        pause = span.start - (open_.start + len(open_.samples))
        length = len(open_.samples) + pause + len(span.samples)
        if pause > _PAUSE or length > _PACKED:
            yield open_
            open_ = span
        else:
            quiet = np.zeros(max(pause, 0), np.float32)
            open_ = Span(open_.start, np.concatenate([open_.samples, quiet, span.samples]))
    if open_ is not None:
        yield open_
