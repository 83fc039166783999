"""Who speaks is chosen by model, voice, language or text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from funland_server.models.errors import ModelNotFoundError
from funland_server.models.formats.header import ModelHeader, VoiceFacts
from funland_server.models.installed.model import Fingerprint, InstalledModel
from funland_server.speech.choosing import choose, default, ordered, written_in
from funland_server.speech.errors import VoiceNotFoundError


def model(model_id: str, *voices: tuple[str, str], day: int = 0) -> InstalledModel:
    header = ModelHeader(
        "", model_id, "", "", "", 0, 0, 0, has_chat_template=False, purpose="SPEECH",
        voices=tuple(VoiceFacts(name, name, language, 24000) for name, language in voices),
    )  # fmt: skip
    made = datetime(2026, 1, day, tzinfo=UTC) if day else None
    return InstalledModel(model_id, (), "", Path("/nowhere"), "", Fingerprint(0, 0), header, made)


ENGLISH = model("hibari", ("heart", "en-US"))
KOKORO = model("kokoro", ("bei", "zh-CN"), ("emma", "en-GB"), ("heart", "en-US"), day=1)
PIPER = model("piper", ("joe", "en-US"), ("ruslan", "ru-RU"), day=2)
ALL = ordered([ENGLISH, KOKORO, PIPER])


def test_what_somebody_installed_goes_before_what_is_built_in() -> None:
    assert [one.model_id for one in ALL] == ["piper", "kokoro", "hibari"]


@pytest.mark.parametrize(
    ("voice", "text", "expected"),
    [
        ("", "Hello", "piper:joe"),
        ("", "你好", "kokoro:bei"),
        ("", "Привет", "piper:ruslan"),
        ("", "สวัสดี", "piper:joe"),
        ("heart", "", "kokoro:heart"),
        ("hibari:heart", "", "hibari:heart"),
        ("en-GB", "", "kokoro:emma"),
        ("en_gb", "", "kokoro:emma"),
        ("en", "", "piper:joe"),
        ("en-AU", "", "piper:joe"),
        ("zh", "Hello", "kokoro:bei"),
        ("cmn", "", "kokoro:bei"),
        ("zh-TW", "", "kokoro:bei"),
        ("ru", "", "piper:ruslan"),
    ],
)
def test_a_voice_is_found_by_its_id_its_name_its_language_or_the_text(
    voice: str, text: str, expected: str
) -> None:
    assert choose(voice, text, ALL, named=False).voice_id == expected


@pytest.mark.parametrize(
    "voice", ["fr", "bob", "hibari:bob", "kokoro", "fr-FR", "en-US!", "x" * 256]
)
def test_a_voice_that_is_not_there_is_an_error(voice: str) -> None:
    with pytest.raises(VoiceNotFoundError):
        choose(voice, "", ALL, named=False)


def test_of_a_model_that_is_named_its_voices_alone_are_asked() -> None:
    assert choose("", "你好", [ENGLISH], named=True).voice_id == "hibari:heart"
    with pytest.raises(VoiceNotFoundError):
        choose("zh-CN", "你好", [ENGLISH], named=True)


def test_without_a_model_that_speaks_there_is_none() -> None:
    with pytest.raises(ModelNotFoundError, match="that speaks") as raised:
        choose("", "Hello", [], named=False)
    assert "hibari-tts" in str(raised.value)
    assert "`speech_model`" in str(raised.value)
    assert default([]) is None


def test_the_default_speaks_english_if_any_does() -> None:
    chinese = model("chinese", ("bei", "zh-CN"), day=3)

    found = default(ordered([chinese, ENGLISH]))
    assert found is not None
    assert found.voice_id == "hibari:heart"
    alone = default([chinese])
    assert alone is not None
    assert alone.voice_id == "chinese:bei"


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello", "en"), ("", "en"), ("你好 world", "zh"), ("日本の", "ja"), ("123", "en"),
     ("안녕", "ko"), ("γειά", "el"), ("שלום", "he"), ("مرحبا", "ar"), ("नमस्ते", "hi")],
)  # fmt: skip
def test_letters_tell_the_language(text: str, language: str) -> None:
    assert written_in(text) == language
