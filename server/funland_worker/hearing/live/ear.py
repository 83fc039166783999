"""Takes what a caller says and parts it into utterances, no faster than they are heard."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from funland.worker.v1.worker_pb2 import LiveInput
from funland_worker.hearing.live.deciding import has_room
from funland_worker.hearing.live.samples import LiveSamples
from funland_worker.hearing.voice.detector import SAMPLE_RATE, Span, VoiceDetector


class Ear:
    """One caller's. Its methods are for the event loop's thread."""

    def __init__(self, sample_rate: int) -> None:
        """Blocks, the first time in a process. Raises as `LiveSamples`."""
        self._samples = LiveSamples(sample_rate)
        self._detector = VoiceDetector()
        self._utterances: deque[Span] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self.over = False
        """Whether no more comes."""

    @property
    def seconds(self) -> float:
        """How much came so far."""
        return self._detector.samples / SAMPLE_RATE

    @property
    def waiting(self) -> int:
        """How many utterances are whole."""
        return len(self._utterances)

    @property
    def open_seconds(self) -> float:
        """How long the utterance is so far that is not whole; 0: nobody speaks."""
        return self._detector.open_seconds

    def open(self) -> Span | None:
        """What came so far of the utterance that is not whole."""
        return self._detector.open()

    def take(self) -> Span:
        """The next utterance that is whole."""
        utterance = self._utterances.popleft()
        self._room.set()
        return utterance

    async def changed(self) -> None:
        """Waits until more came, since the last time that this was waited for."""
        await self._changed.wait()
        self._changed.clear()

    async def listen(self, inputs: AsyncIterator[LiveInput]) -> None:
        """Takes all that comes.

        Raises:
            EngineError: FIELD_INVALID.
        """
        try:
            async for each in inputs:
                match each.WhichOneof("input"):
                    case "audio":
                        for piece in self._samples.pieces(each.audio):
                            await self._hear(piece)
                    case "flush" if each.flush:
                        self._add(self._detector.finish())
                    case _:
                        pass
            await self._hear(self._samples.rest())
            self._add(self._detector.finish())
        finally:
            self.over = True
            self._changed.set()

    async def _hear(self, piece: NDArray[np.float32]) -> None:
        self._add(self._detector.process(piece))
        await asyncio.sleep(0)
        while not has_room(sum(each.seconds for each in self._utterances)):
            self._room.clear()
            await self._room.wait()

    def _add(self, utterances: list[Span]) -> None:
        self._utterances.extend(utterances)
        self._changed.set()
