"""Chooses who speaks: by a model's name, a voice's, a language, or the text itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from funland_server.models.errors import ModelNotFoundError
from funland_server.models.formats.header import VoiceFacts
from funland_server.models.installed.model import InstalledModel
from funland_server.speech.errors import VoiceNotFoundError

_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_SAME: Final = {"cmn": "zh", "zho": "zh", "chi": "zh", "eng": "en", "jpn": "ja"}
"""Other codes of languages, by the one that voices have."""
_NOBODY: Final = (
    "No model that speaks is installed. Install the package hibari-tts, or import a voice, `funland"
    " models import FOLDER`; the setting `speech_model` says which of several is taken."
)
_LOOKED_AT: Final = 400
"""How much of a text says what it is written in."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of an installed model."""

    model: InstalledModel
    voice: VoiceFacts

    @property
    def voice_id(self) -> str:
        """What it is called among all voices."""
        return f"{self.model.model_id}:{self.voice.name}"


def speakers(models: Iterable[InstalledModel]) -> list[Speaker]:
    """All voices, those of one model after another."""
    return [Speaker(model, voice) for model in models for voice in model.header.voices]


def ordered(models: Iterable[InstalledModel]) -> list[InstalledModel]:
    """Models that speak, in the order in which one is taken where several would do: those that
    somebody installed, the latest first, and then those that come with Funland."""
    return sorted(models, key=_rank)


def choose(voice: str, text: str, models: Sequence[InstalledModel], *, named: bool) -> Speaker:
    """Who says a text. `models` are those that may, the preferred one first; `named` says that the
    request or the settings name the model. `voice` is an id, a name, a language or empty.

    Raises:
        ModelNotFoundError: There are none.
        VoiceNotFoundError: None has such a voice.
    """
    known = speakers(models)
    if not known:
        raise ModelNotFoundError("", _NOBODY)
    if not voice:
        tags = () if named else (written_in(text),)
        return next(chain(*(_speaking(known, tag) for tag in tags)), known[0])
    by_name = (one for one in known if voice in (one.voice_id, one.voice.name))
    by_language = _speaking(known, voice) if _TAG.fullmatch(voice) else iter(())
    for found in chain(by_name, by_language):
        return found
    raise VoiceNotFoundError(voice)


def default(models: Sequence[InstalledModel]) -> Speaker | None:
    """Who speaks where a request names nobody and its text is English."""
    known = speakers(models)
    return next(_speaking(known, "en"), known[0]) if known else None


def speaks(language: str, wanted: str) -> bool:
    """Whether who speaks `language` is found by `wanted`: `en` finds `en-GB`, and `en-AU` too, if
    there is none that is nearer."""
    return not wanted or _subtags(language)[0] == _subtags(wanted)[0]


def written_in(text: str) -> str:
    """The language of a text, as far as its letters tell."""
    beginning = text[:_LOOKED_AT]
    for language, letters in _SCRIPTS:
        if letters.search(beginning):
            return language
    return "en"


_SCRIPTS: Final = tuple(
    (language, re.compile(f"[{letters}]"))
    for language, letters in (
        ("ja", "\u3040-\u30ff"),
        ("ko", "\uac00-\ud7a3"),
        ("zh", "\u3400-\u4dbf\u4e00-\u9fff"),
        ("ru", "\u0400-\u04ff"),
        ("el", "\u0370-\u03ff\u1f00-\u1fff"),
        ("he", "\u0590-\u05ff"),
        ("ar", "\u0600-\u06ff"),
        ("hi", "\u0900-\u097f"),
        ("th", "\u0e00-\u0e7f"),
    )
)


def _speaking(known: Sequence[Speaker], wanted: str) -> Iterator[Speaker]:
    """Those that speak a language, the nearest first."""
    tags = _subtags(wanted)

    def distance(one: Speaker) -> int:
        return -sum(1 for _ in _common(tags, _subtags(one.voice.language)))

    return iter(sorted((one for one in known if speaks(one.voice.language, wanted)), key=distance))


def _common(one: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return
        yield mine


def _subtags(language: str) -> list[str]:
    first, *others = re.split("[-_]", language.lower())
    return [_SAME.get(first, first), *others]


def _rank(model: InstalledModel) -> tuple[bool, float, str]:
    made = model.create_time.timestamp() if model.create_time is not None else 0.0
    return model.built_in, -made, model.model_id
