"""Paints what a text says."""

from __future__ import annotations

import base64
from typing import Any

from funland_plugin import Context


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    width, height = size(input.get("resolution", ""))
    (picture,) = context.paint(
        prompt(input["text"], input.get("style", "")),
        model=config.get("model", ""),
        negative_prompt=input.get("negative_text", ""),
        width=width,
        height=height,
        steps=config.get("steps"),
        guidance_scale=config.get("guidance_scale"),
        seed=config.get("seed"),
        format=context.output_format,
        upscale=width is not None,
    )
    context.write_file(f"picture.{picture.format}", picture.data, picture.media_type)
    return {
        "type": "image",
        "format": picture.format,
        "data": base64.b64encode(picture.data).decode(),
        "width": picture.width,
        "height": picture.height,
        "size": len(picture.data),
        "painted_width": picture.painted_width,
        "painted_height": picture.painted_height,
        "seed": picture.seed,
        "steps": picture.steps,
        "guidance_scale": picture.guidance_scale,
    }


def prompt(text: str, style: str) -> str:
    """What the model is told."""
    return f"{text.strip()}, {style.strip()}" if style.strip() else text.strip()


def size(resolution: str) -> tuple[int | None, int | None]:
    """Width and height of `512x512`; None: not said."""
    if not resolution:
        return None, None
    width, _, height = resolution.partition("x")
    return int(width), int(height)
