"""What the description beside a voice of Piper says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Described:
    """A voice of Piper, or several in one network."""

    network: Path
    language: str
    """As BCP 47 has it."""
    sample_rate: int
    speakers: Mapping[str, int]
    """Their names, and their numbers in the network."""
    spelled: bool
    """Whether its phonemes are the letters of the text."""
    ids: Mapping[str, tuple[int, ...]]
    """Of each phoneme, and of `^` at the begin, `$` at the end and `_` between."""
    noise: float
    """How much chance takes part in the sound."""
    length: float
    """How slow it speaks."""
    rhythm: float
    """How much chance takes part in the lengths."""


def description_of(folder: Path) -> Path | None:
    """The description, by which a folder is known that has a voice of Piper."""
    return next(iter(sorted(folder.glob("*.onnx.json"))), None)


def described(path: Path) -> Described:
    """Reads a description, which was checked when it was installed.

    Raises:
        EngineError: It is not as Piper writes them.
    """
    try:
        return _described(path, json.loads(path.read_bytes()))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EngineError(
            ErrorReason.MODEL_FILE_INVALID, f"{path.name} is not as Piper writes it."
        ) from None


def _described(path: Path, told: Mapping[str, Any]) -> Described:
    inference = told.get("inference", {})
    code = told.get("language", {}).get("code") or told["espeak"]["voice"]
    return Described(
        network=path.with_suffix(""),
        language=tag(str(code)),
        sample_rate=int(told["audio"]["sample_rate"]),
        speakers=speakers(path.name, told),
        spelled=told.get("phoneme_type") == "text",
        ids={str(key): tuple(map(int, value)) for key, value in told["phoneme_id_map"].items()},
        noise=_within(inference.get("noise_scale", 0.667), 0, 2),
        length=_within(inference.get("length_scale", 1), 0.1, 10),
        rhythm=_within(inference.get("noise_w", 0.8), 0, 2),
    )


def tag(code: str) -> str:
    """A language as BCP 47 has it: `en_US` and espeak's `en-us` are `en-US`."""
    language, _, region = code.replace("_", "-").partition("-")
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


def speakers(name: str, told: Mapping[str, Any]) -> Mapping[str, int]:
    """Who speaks: by the names that the file of this name gives them, else by their numbers."""
    count = told.get("num_speakers", 1)
    if count == 1:
        parts = name.removesuffix(".onnx.json").split("-")
        plain = parts[1] if len(parts) > 1 else parts[0]
        return {plain if _NAME.fullmatch(plain) else "voice": 0}
    names = {number: one for one, number in told.get("speaker_id_map", {}).items()}
    return {
        known if _NAME.fullmatch(known := str(names.get(number, ""))) else str(number): number
        for number in range(count)
    }


def _within(value: Any, least: float, most: float) -> float:
    return min(max(float(value), least), most)
