"""Speaks a text."""

from __future__ import annotations

import base64
from typing import Any, Final

from funland_plugin import Context

MOST_INSIDE: Final = 16 * 1024**2
"""So many bytes of sound are told in the output itself."""


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    sound = context.speak(
        input["text"],
        ssml=input.get("ssml", False),
        voice=config.get("voice", ""),
        model=config.get("model", ""),
        speed=config.get("speed"),
        pitch=config.get("pitch"),
        sample_rate=config.get("sample_rate"),
        seed=config.get("seed"),
        format=context.output_format,
    )
    context.write_file(f"speech.{sound.format}", sound.data, sound.media_type)
    return {
        "type": "audio",
        "format": sound.format,
        "data": inside(sound.data),
        "size": len(sound.data),
        "sample_rate": sound.sample_rate,
        "duration": round(sound.seconds, 3),
        "voice": sound.voice,
    }


def inside(data: bytes) -> str | None:
    """A sound in base64; None if it is too long for that."""
    return base64.b64encode(data).decode() if len(data) <= MOST_INSIDE else None
