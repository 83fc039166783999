"""How far a text that is spoken has come, and what its transcript is so far."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

from funland.v1.speech_pb2 import (
    SpeechEvent,
    SpeechFinish,
    SpeechProgress,
    SpeechStart,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptProgress,
    TranscriptSegment,
    TranscriptStart,
)
from funland_client.progress import Progress

_UNSPACED: Final = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Burmese
    ("\u3000", "\u30ff"),  # Chinese stops, kana
    ("\u3400", "\u9fff"),
    ("\uff00", "\uffef"),
)
"""Letters and stops of languages without spaces: the first and the last of each range."""


class StreamedSpeech(Progress[SpeechEvent]):
    """What has come of a text that is spoken."""

    def __init__(self) -> None:
        self.start: SpeechStart | None = None
        """Who speaks, and how it is written; None before the first event."""
        self.progress: SpeechProgress | None = None
        """How much of the text is spoken; None until that was told."""
        self.finish: SpeechFinish | None = None
        """What all of it is; None before the last event."""

    @property
    def complete(self) -> bool:
        """Whether all is spoken."""
        return self.finish is not None

    @property
    def begun(self) -> bool:
        """Whether it was said who speaks."""
        return self.start is not None

    def _take(self, event: SpeechEvent) -> str:
        match event.WhichOneof("event"):
            case "start":
                self.start = event.start
            case "progress":
                self.progress = event.progress
            case "finish":
                self.finish = event.finish
            case _:
                pass
        return ""


class StreamedTranscript(Progress[TranscriptEvent]):
    """What was heard so far."""

    def __init__(self) -> None:
        self.start: TranscriptStart | None = None
        """Who hears, and what; None before the first event."""
        self._text = ""
        self.segments: list[TranscriptSegment] = []
        """The parts that are whole."""
        self.partial: TranscriptSegment | None = None
        """What the part that is heard now may become; None if that was not told."""
        self.progress: TranscriptProgress | None = None
        """How far it was heard; None until that was told."""
        self.finish: TranscriptFinish | None = None
        """What all of it is; None before the last event."""

    @property
    def text(self) -> str:
        """All that was said so far."""
        if self.finish is not None:
            return self.finish.text
        return self._text

    @property
    def complete(self) -> bool:
        """Whether all was heard."""
        return self.finish is not None

    @property
    def begun(self) -> bool:
        """Whether it was said who hears."""
        return self.start is not None

    def _take(self, event: TranscriptEvent) -> str:
        match event.WhichOneof("event"):
            case "start":
                self.start = event.start
            case "segment":
                self.segments.append(event.segment)
                self.partial = None
                piece = between(self._text, event.segment.text) + event.segment.text
                self._text += piece
                return piece
            case "partial":
                self.partial = event.partial
            case "progress":
                self.progress = event.progress
            case "finish":
                self.finish = event.finish
            case _:
                pass
        return ""


def between(one: str, other: str) -> str:
    """What stands between two parts: a space, but where either has letters that need none there."""
    if not one or not other or one[-1].isspace() or other[0].isspace():
        return ""
    unspaced = any(
        first <= sign <= last for sign in (one[-1], other[0]) for first, last in _UNSPACED
    )
    return "" if unspaced else " "


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """A file to write that takes the path's place when the block ends well; else it is gone."""
    place = Path(path)
    partial = place.with_name(f".{place.name[:200]}.{token_hex(8)}.part")
    try:
        with partial.open("xb") as content:
            yield content
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
