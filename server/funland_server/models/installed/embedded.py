"""The model that comes with Funland."""

from __future__ import annotations

from pathlib import Path

from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.installed.model import Fingerprint, InstalledModel, sha256

EMBEDDED_ID = "funland-tiny"
_PATH = Path(__file__).parents[1] / "embedded" / "funland-tiny.gguf"


def embedded_model() -> InstalledModel:
    """The tiny chat model; `embedded/RECIPE.md` tells how it was made."""
    return InstalledModel(
        model_id=EMBEDDED_ID,
        aliases=(),
        source="built-in",
        path=_PATH,
        sha256=sha256(_PATH),
        fingerprint=Fingerprint.of(_PATH),
        header=read_gguf(_PATH).header,
        create_time=None,
    )
