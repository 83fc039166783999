"""Every parameter of OpenAI's requests for sound and pictures has a fate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from openai.types import (
    image_create_variation_params,
    image_edit_params,
    image_generate_params,
)
from openai.types.audio import (
    speech_create_params,
    transcription_create_params,
    translation_create_params,
)

from funland_gateway.dialects.openai.fates import Fate
from funland_gateway.dialects.openai.media_parameters import (
    EDIT,
    GENERATION,
    SPEECH,
    TRANSCRIPTION,
    TRANSLATION,
    VARIATION,
)

OURS: Final[Mapping[str, tuple[Mapping[str, Fate], tuple[Any, ...]]]] = {
    "speech": (SPEECH, (speech_create_params.SpeechCreateParams,)),
    "transcription": (
        TRANSCRIPTION,
        (
            transcription_create_params.TranscriptionCreateParamsBase,
            transcription_create_params.TranscriptionCreateParamsStreaming,
        ),
    ),
    "translation": (TRANSLATION, (translation_create_params.TranslationCreateParams,)),
    "generation": (
        GENERATION,
        (
            image_generate_params.ImageGenerateParamsBase,
            image_generate_params.ImageGenerateParamsStreaming,
        ),
    ),
    "edit": (
        EDIT,
        (
            image_edit_params.ImageEditParamsBase,
            image_edit_params.ImageEditParamsStreaming,
        ),
    ),
    "variation": (VARIATION, (image_create_variation_params.ImageCreateVariationParams,)),
}


@pytest.mark.parametrize("route", OURS)
def test_every_parameter_of_openais_client_has_a_fate(route: str) -> None:
    table, kinds = OURS[route]

    assert {name for kind in kinds for name in kind.__annotations__} - set(table) == set()
