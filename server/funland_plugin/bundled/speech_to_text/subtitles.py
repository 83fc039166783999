"""What was heard as subtitles."""

from __future__ import annotations

from collections.abc import Iterable

from funland_plugin import Segment


def srt(segments: Iterable[Segment]) -> str:
    """SubRip."""
    parts = [
        f"{number}\n{_time(one.start, ',')} --> {_time(one.end, ',')}\n{_line(one.text)}\n"
        for number, one in enumerate(segments, 1)
    ]
    return "\n".join(parts)


def vtt(segments: Iterable[Segment]) -> str:
    """WebVTT."""
    parts = [
        f"{_time(one.start, '.')} --> {_time(one.end, '.')}\n{_escaped(_line(one.text))}\n"
        for one in segments
    ]
    return "\n".join(["WEBVTT\n", *parts])


def _time(seconds: float, comma: str) -> str:
    """`01:02:03,004`."""
    milliseconds = max(round(seconds * 1000), 0)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{comma}{rest % 1000:03}"


def _line(text: str) -> str:
    """An empty line would end it, and an arrow would begin another."""
    return " ".join(text.split()).replace("-->", "→")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
