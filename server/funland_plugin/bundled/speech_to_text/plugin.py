"""Writes down what is said in a recording."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from funland_plugin import Context, Segment
from funland_plugin.bundled.speech_to_text.subtitles import srt, vtt

_TEXT: Final = "text"
_SUBTITLES: Final = {"srt": srt, "vtt": vtt}


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    heard = context.hear(
        recording(input.get("audio", "")),
        file_id=input.get("file_id", ""),
        model=config.get("model", ""),
        language=config.get("language", ""),
        prompt=config.get("prompt", ""),
        translate=config.get("translate", False),
        words=config.get("word_timestamps", False),
    )
    output_format = context.output_format or _TEXT
    write = _SUBTITLES.get(output_format)
    return {
        "text": write(heard.segments) if write else heard.text,
        "format": output_format,
        "language": heard.language,
        "duration": round(heard.seconds, 3),
        "segments": [_told(one) for one in heard.segments],
    }


def recording(audio: str) -> bytes:
    """A file out of base64; raises ValueError with what is wrong."""
    try:
        return base64.b64decode(audio, validate=True)
    except binascii.Error as error:
        raise ValueError(f"input.audio is no base64: {error}.") from None


def _told(segment: Segment) -> dict[str, Any]:
    told = {"text": segment.text, "start": segment.start, "end": segment.end}
    words = [{"text": word.text, "start": word.start, "end": word.end} for word in segment.words]
    return {**told, "words": words} if words else told
