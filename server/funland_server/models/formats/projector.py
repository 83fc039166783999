"""What shows a GGUF model pictures and sounds: another GGUF file beside it, a projector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from funland_server.models.formats.gguf import read_contents
from funland_server.models.formats.header import ProjectorFacts
from funland_server.workers.errors import ModelFileInvalidError

FILE: Final = "projector.gguf"
"""Its name in a model's folder of the store."""

_ARCHITECTURE: Final = "clip"
_SEES, _HEARS = "clip.has_vision_encoder", "clip.has_audio_encoder"
_KIND, _IMAGE_KIND, _AUDIO_KIND = (
    "clip.projector_type",
    "clip.vision.projector_type",
    "clip.audio.projector_type",
)
_PLACED: Final = ("hunyuanvl", "deepseek4v")
"""Their rows depend on where in the prompt they stand."""
_STACKED: Final = ("ultravox", "voxtral", "meralion")
_STACK: Final = "clip.audio.projector.stack_factor"
_FRAMES: Final = 1500
"""What Whisper makes of half a minute."""


def read_projector(path: Path) -> ProjectorFacts:
    """What a projector's file says of itself.

    Raises:
        ModelFileInvalidError: It is no projector, not whole, or of a kind that Funland can't use.
            The message names the file but not its folder.
    """
    contents = read_contents(path)
    values = contents.values
    if values.get("general.architecture") != _ARCHITECTURE:
        raise _invalid(path, "it is no projector, whose file is mostly called mmproj-….gguf")
    if why := complaint(values):
        raise _invalid(path, why)
    status = path.stat()
    return ProjectorFacts(
        sees=bool(values.get(_SEES)),
        hears=bool(values.get(_HEARS)),
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
    )


def complaint(values: Mapping[str, object]) -> str:
    """Why a projector can't be used, by its metadata; empty if it can."""
    if not (values.get(_SEES) or values.get(_HEARS)):
        return "it shows neither pictures nor sounds"
    kinds = {values.get(key) for key in (_KIND, _IMAGE_KIND, _AUDIO_KIND)} - {None}
    for kind in _PLACED:
        if kind in kinds:
            return f"Funland can't use projectors of the kind {kind}"
    stack = values.get(_STACK)
    if kinds.intersection(_STACKED) and isinstance(stack, int) and stack and _FRAMES % stack:
        return (
            f"it stacks {stack} frames, which this version of llama.cpp counts wrongly, and ends"
            " the process"
        )
    return ""


def _invalid(path: Path, why: str) -> ModelFileInvalidError:
    return ModelFileInvalidError(f"{path.name} can't be used as projector: {why}.", file=path.name)
