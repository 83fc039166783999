"""Transcripts in OpenAI's shapes: JSON, texts, subtitles and events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from funland.v1.speech_pb2 import (
    Transcript,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptSegment,
)
from funland_gateway.dialects.dialect import Reply, json_reply
from funland_gateway.dialects.openai.languages import language_name
from funland_gateway.dialects.openai.subtitles import srt, vtt
from funland_gateway.dialects.openai.timings import devices_of

TEXT: Final = "text/plain; charset=utf-8"
_VTT: Final = "text/vtt; charset=utf-8"
_UNSPACED: Final = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Burmese
    ("\u3000", "\u30ff"),  # Chinese stops, kana
    ("\u3400", "\u9fff"),
    ("\uff00", "\uffef"),
)
"""Letters and stops of languages without spaces: the first and the last of each range."""
_FRAMES: Final = 100
"""A second has so many of those that Whisper counts in."""


def as_json(transcript: Transcript) -> Reply:
    """The text, and what was heard of it."""
    return json_reply(
        {
            "text": transcript.text,
            "languages": _languages(transcript),
            "usage": _usage(transcript),
            **devices_of(transcript.device_ids),
        }
    )


def as_verbose_json(task: str, granularities: Collection[str], transcript: Transcript) -> Reply:
    """All that is known of it."""
    told: dict[str, Any] = {
        "task": task,
        "language": language_name(transcript.language),
        "duration": transcript.duration.ToTimedelta().total_seconds(),
        "text": transcript.text,
    }
    if "word" in granularities:
        told["words"] = [
            {"word": word.word, "start": word.start_seconds, "end": word.end_seconds}
            for segment in transcript.segments
            for word in segment.words
        ]
    if "segment" in granularities:
        told["segments"] = list(map(segment_object, transcript.segments))
    return json_reply({**told, "usage": _usage(transcript), **devices_of(transcript.device_ids)})


TEXTS: Final[Mapping[str, Callable[[Transcript], Reply]]] = {
    "text": lambda transcript: Reply(f"{transcript.text}\n".encode(), TEXT),
    "srt": lambda transcript: Reply(srt(transcript.segments).encode(), TEXT),
    "vtt": lambda transcript: Reply(vtt(transcript.segments).encode(), _VTT),
}
"""How a transcript is written without JSON."""


def segment_object(segment: TranscriptSegment) -> dict[str, Any]:
    """A part of a transcript; what its engine does not tell is null."""
    has = segment.HasField
    return {
        "id": segment.segment_id,
        "seek": int(segment.start_seconds * _FRAMES),
        "start": segment.start_seconds,
        "end": segment.end_seconds,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.average_logprob if has("average_logprob") else None,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_probability if has("no_speech_probability") else None,
    }


class TranscriptEvents:
    """Makes OpenAI's events of those of one call."""

    def __init__(self, with_segments: bool) -> None:
        """With segments, each is told with its times too."""
        self._with_segments = with_segments
        self._told = ""
        """The text of the part before."""

    def events(self, event: TranscriptEvent) -> Iterable[bytes]:
        """Those for one of the contract's. The deltas together are the whole text."""
        match event.WhichOneof("event"):
            case "segment":
                yield from self._segment(event.segment)
            case "finish":
                yield from self._finish(event.finish)
            case _:
                pass

    def _segment(self, segment: TranscriptSegment) -> Iterable[bytes]:
        text = between(self._told, segment.text) + segment.text
        self._told = segment.text
        yield orjson.dumps({"type": "transcript.text.delta", "delta": text})
        if self._with_segments:
            yield orjson.dumps(
                {
                    "type": "transcript.text.segment",
                    "id": f"seg_{segment.segment_id}",
                    "start": segment.start_seconds,
                    "end": segment.end_seconds,
                    "speaker": "",  # who speaks is not told apart
                    "text": segment.text,
                }
            )

    def _finish(self, finish: TranscriptFinish) -> Iterable[bytes]:
        yield orjson.dumps(
            {
                "type": "transcript.text.done",
                "text": finish.text,
                "languages": _languages(finish),
                "usage": _usage(finish),
            }
        )


def between(one: str, other: str) -> str:
    """What stands between two parts: a space, but where either has letters that need none there."""
    if not one or not other or one[-1].isspace() or other[0].isspace():
        return ""
    unspaced = any(
        first <= sign <= last for sign in (one[-1], other[0]) for first, last in _UNSPACED
    )
    return "" if unspaced else " "


def is_last(event: TranscriptEvent) -> bool:
    """Whether all was heard."""
    return event.HasField("finish")


def _languages(heard: Transcript | TranscriptFinish) -> Sequence[dict[str, str]]:
    return [{"code": heard.language}] if heard.language else []


def _usage(heard: Transcript | TranscriptFinish) -> dict[str, Any]:
    return {"type": "duration", "seconds": heard.duration.ToTimedelta().total_seconds()}
