"""Writes transcripts as subtitles."""

from __future__ import annotations

from collections.abc import Iterable

from funland.v1.speech_pb2 import TranscriptSegment


def srt(segments: Iterable[TranscriptSegment]) -> str:
    """SubRip: numbered, with commas in its times."""
    return "".join(
        f"{number}\n{_span(segment, ',')}\n{_lines(segment)}\n\n"
        for number, segment in enumerate(segments, 1)
    )


def vtt(segments: Iterable[TranscriptSegment]) -> str:
    """WebVTT."""
    cues = (f"{_span(segment, '.')}\n{_escaped(_lines(segment))}\n\n" for segment in segments)
    return "WEBVTT\n\n" + "".join(cues)


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


def _escaped(text: str) -> str:
    """What WebVTT would take for marks, among them the arrow of its times."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
