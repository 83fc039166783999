"""The model that comes with Funland and paints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from funland_server.models.formats.folder import read_folder
from funland_server.models.installed.model import Fingerprint, InstalledModel, sha256

SKETCH_ID: Final = "funland-sketch"
_PATH: Final = Path(__file__).parents[1] / "embedded" / SKETCH_ID


def sketch_model() -> InstalledModel:
    """The tiny model that `tools/tiny_picture` makes; its README tells how."""
    header = replace(
        read_folder(_PATH).header,
        name="Funland Sketch",
        description="Paints coloured shapes and simple landscapes in 64x64 pixels.",
        license="Apache-2.0",
        quantization="INT8",
    )
    return InstalledModel(
        model_id=SKETCH_ID,
        aliases=(),
        source="built-in",
        path=_PATH,
        sha256=sha256(_PATH),
        fingerprint=Fingerprint.of(_PATH),
        header=header,
        create_time=None,
    )
