"""Who hears for requests that name nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from funland_server.models.errors import ModelNotFoundError
from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed.model import Fingerprint, InstalledModel
from funland_server.speech.recognisers import recogniser


def model(name: str, *, tokens: int = 51865, day: int | None = None) -> InstalledModel:
    header = ModelHeader(
        architecture="whisper", name="", description="", license="", quantization="",
        parameter_count=0, context_length=0, embedding_length=0, has_chat_template=False,
        purpose="TRANSCRIPTION", vocabulary_size=tokens, format="CTRANSLATE2",
    )  # fmt: skip
    return InstalledModel(
        model_id=name,
        aliases=(),
        source=name,
        path=Path(name),
        sha256="",
        fingerprint=Fingerprint(0, 0),
        header=header,
        create_time=None if day is None else datetime(2026, 11, day, tzinfo=UTC),
    )


BASE = model("base")
TINY_EN = model("tiny.en", tokens=51864)
SMALL = model("small", day=1)
LARGE = model("large", tokens=51866, day=2)
SMALL_EN = model("small.en", tokens=51864, day=3)


@pytest.mark.parametrize(
    ("models", "language", "translate", "chosen"),
    [
        ([TINY_EN, BASE], "", False, "base"),
        ([TINY_EN, BASE], "en", False, "base"),
        ([TINY_EN, BASE], "zh", False, "base"),
        ([TINY_EN], "zh", False, "tiny.en"),  # which says that it does not know it
        ([TINY_EN, BASE, SMALL], "", False, "small"),
        ([BASE, SMALL, LARGE], "de", False, "large"),
        ([BASE, SMALL_EN], "english", False, "small.en"),
        ([BASE, SMALL_EN], "en-US", False, "small.en"),
        ([BASE, SMALL_EN], "", False, "base"),  # it may be anything
        ([BASE, SMALL_EN], "en", True, "base"),
        ([SMALL, SMALL_EN], "zh-CN", False, "small"),
    ],
)
def test_who_knows_the_language_hears(
    models: list[InstalledModel], language: str, translate: bool, chosen: str
) -> None:
    assert recogniser(models, language, translate=translate).model_id == chosen


def test_where_nobody_hears_it_is_told_what_to_install() -> None:
    with pytest.raises(ModelNotFoundError, match=r"funland\[hearing\]") as raised:
        recogniser([], "", translate=False)
    assert "that hears" in str(raised.value)
    assert "`funland pull hf:" in str(raised.value)
    assert "`transcription_model`" in str(raised.value)
