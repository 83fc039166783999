"""Pictures and sound in prompts: what engines are given of them, and who reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class MediaKind(Enum):
    """What is shown to a model."""

    IMAGE = "image"
    AUDIO = "audio"


@dataclass(slots=True, eq=False)
class MediaChunk:
    """A part of a picture or a sound: rows that a network of texts takes in place of tokens'."""

    stand_ins: list[int]
    """A number below zero for each row; see `stand_ins.py`."""
    positions: int
    """How many positions of the text it takes: fewer than rows, where rows lie beside each
    other."""
    at_once: bool = False
    """Whether all its rows see each other, and are computed in one pass, alone."""
    places: NDArray[np.int32] | None = None
    """Where its rows lie on each of the text's 4 axes, 4 x rows, counted from where the chunk
    begins; None: one behind the other."""
    moves: tuple[int, ...] = (1, 1, 1, 1)
    """On which axes that is counted from where the chunk begins: 1, and else 0."""
    rows: NDArray[np.float32] | None = None
    """Rows x width of the network; None until they are computed."""
    source: object = None
    """What they are computed from; None once they are there."""


class MediaSpan(NamedTuple):
    """Where in a prompt a chunk stands."""

    start: int
    stop: int
    chunk: MediaChunk


@dataclass(frozen=True, slots=True)
class ReadMedia:
    """A picture or a sound, read and perhaps not yet computed."""

    tokens: list[int]
    """The marks around it, and its stand-ins."""
    chunks: tuple[MediaChunk, ...]
    digest: bytes
    """Of the file."""

    @property
    def row_bytes(self) -> int:
        """What its rows take that are computed."""
        return sum(chunk.rows.nbytes for chunk in self.chunks if chunk.rows is not None)


class MediaReader(Protocol):
    """Shows pictures and sounds to one model. Its methods are for the event loop's thread."""

    kinds: frozenset[MediaKind]
    """What the model takes."""

    async def read(self, kind: MediaKind, data: bytes, field: str, most_pixels: int) -> ReadMedia:
        """What a file shows; it counts as many tokens as the prompt gets. A picture may have
        `most_pixels`.

        Raises:
            EngineError: IMAGE_INVALID or AUDIO_INVALID; it names `field`.
        """
        ...

    async def compute(self, media: Sequence[ReadMedia]) -> None:
        """Has the rows of all chunks computed that have none, beside the texts that run.

        Raises:
            EngineError: MODEL_OUTPUT_INVALID.
        """
        ...


def spans(tokens: Sequence[int], chunks: Iterable[MediaChunk]) -> tuple[MediaSpan, ...]:
    """Where the chunks stand in a prompt; one that is shown twice stands twice."""
    known = {chunk.stand_ins[0]: chunk for chunk in chunks}
    found: list[MediaSpan] = []
    place = 0
    while place < len(tokens):
        chunk = known.get(tokens[place]) if tokens[place] < 0 else None
        if chunk is None:
            place += 1
            continue
        found.append(MediaSpan(place, place + len(chunk.stand_ins), chunk))
        place = found[-1].stop
    return tuple(found)


def from_whole(tokens: Sequence[int], chunks: Iterable[MediaChunk]) -> list[int]:
    """The tokens without what stands in front of the first that is a token or begins a chunk."""
    begins = {chunk.stand_ins[0] for chunk in chunks}
    for place, token in enumerate(tokens):
        if token >= 0 or token in begins:
            return list(tokens[place:])
    return []
