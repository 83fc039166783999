"""The models that come with Funland."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from funland_server.models.installed.embedded import embedded_model
from funland_server.models.installed.hibari import HIBARI
from funland_server.models.installed.kokoro import kokoro_mandarin
from funland_server.models.installed.model import InstalledModel
from funland_server.models.installed.packaged import packaged_model
from funland_server.models.installed.sketch import sketch_model
from funland_server.models.installed.whisper import WHISPER_TINY_EN, whisper_base

_BUILT_IN: Final[tuple[Callable[[], InstalledModel | None], ...]] = (
    embedded_model,
    sketch_model,
    partial(packaged_model, HIBARI),
    kokoro_mandarin,
    whisper_base,
    partial(packaged_model, WHISPER_TINY_EN),
)
"""Each gives a model; None where what it lies in is not installed."""


def built_in_models() -> list[InstalledModel]:
    """Those that are there. Blocks: it looks at their files."""
    return [model for find in _BUILT_IN if (model := find()) is not None]
