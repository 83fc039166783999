"""The voice that is installed with Funland: Hibari, which speaks English."""

from __future__ import annotations

from typing import Final

from funland_server.models.formats.header import ModelHeader, VoiceFacts
from funland_server.models.installed.packaged import Packaged

_WORKING_BYTES: Final = 160 * 1024**2
"""What its process was seen to have beyond one that has no model, with two threads that speak."""

_VOICE: Final = VoiceFacts(
    name="heart",
    display_name="Heart",
    language="en-US",
    sample_rate=24000,
    gender="female",
    license="Apache-2.0",
    origin="Maureese Williams; distilled from the voice af_heart of Kokoro-82M, by hexgrad",
)


def _header() -> ModelHeader:
    return ModelHeader(
        architecture="hibari",
        name="Hibari",
        description="Speaks American English; small and fast.",
        license="Apache-2.0",
        quantization="INT8",
        parameter_count=6_150_000,
        context_length=0,
        embedding_length=0,
        has_chat_template=False,
        writes_text=False,
        purpose="SPEECH",
        voices=(_VOICE,),
        working_bytes=_WORKING_BYTES,
        format="ONNX",
    )


HIBARI: Final = Packaged(
    model_id="hibari",
    package="hibari-tts",
    folder="hibari/assets",
    mark="hibari.onnx",
    header=_header,
)
