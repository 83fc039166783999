"""Writes transcripts as subtitles."""

from __future__ import annotations

from collections.abc import Iterable

from funland.v1.speech_pb2 import TranscriptSegment


def srt(segments: Iterable[TranscriptSegment]) -> str:
    """SubRip: numbered from 1, with commas in its times."""
    return "".join(srt_cue(number, segment) for number, segment in enumerate(segments, 1))


def vtt(segments: Iterable[TranscriptSegment]) -> str:
    """WebVTT."""
    return VTT_HEAD + "".join(map(vtt_cue, segments))


VTT_HEAD = "WEBVTT\n\n"


def srt_cue(number: int, segment: TranscriptSegment) -> str:
    """One part, with the empty line after it."""
    return f"{number}\n{_span(segment, ',')}\n{_lines(segment)}\n\n"


def vtt_cue(segment: TranscriptSegment) -> str:
    """One part, with the empty line after it; what WebVTT would take for marks is no mark."""
    text = _lines(segment).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{_span(segment, '.')}\n{text}\n\n"


def _span(segment: TranscriptSegment, mark: str) -> str:
    begin, end = _time(segment.start_seconds, mark), _time(segment.end_seconds, mark)
    return f"{begin} --> {end}"


def _time(seconds: float, mark: str) -> str:
    ms = round(seconds * 1000)
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{mark}{ms % 1000:03}"


def _lines(segment: TranscriptSegment) -> str:
    """An empty line would end a cue."""
    return "\n".join(line for line in segment.text.strip().splitlines() if line.strip())
