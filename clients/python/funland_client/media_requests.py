"""Builds the requests for sound and pictures from Python's own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funland.v1.images_pb2 import GenerateImagesRequest, ImageAdapter
from funland.v1.speech_pb2 import (
    SynthesizeRequest,
    TranscribeLiveConfig,
    TranscribeRequest,
)
from funland_client import arguments
from funland_client.arguments import (
    LiveArguments,
    PaintingArguments,
    SpeechArguments,
    TranscriptionArguments,
)
from funland_client.fields import filled

INLINE_BYTES: Final = 4 << 20
"""A recording or picture of so many bytes goes with the call; a larger one is kept as a file for as
long as the call lasts."""
KEPT_SECONDS: Final = 24 * 3600
"""After which such a file goes if its caller is lost."""


_TASKS: Final = {False: "transcribe", True: "translate"}


def speak(text: str, voice: str, given: SpeechArguments) -> SynthesizeRequest:
    """Makes a request for `Synthesize` and `StreamSynthesize`."""
    arguments.check(given, SpeechArguments)
    return filled(SynthesizeRequest, "", {"text": text, "voice": voice, **given})


def transcribe(
    recording: bytes | None, file_id: str, model: str, given: TranscriptionArguments
) -> TranscribeRequest:
    """Makes a request for `Transcribe` and `StreamTranscribe`; without `recording`, of a file."""
    arguments.check(given, TranscriptionArguments)
    source = {"file_id": file_id} if recording is None else {"audio": recording}
    return filled(TranscribeRequest, "", {"model": model, **source, **_with_task(given)})


def live(model: str, given: LiveArguments) -> TranscribeLiveConfig:
    """Makes what begins `TranscribeLive`."""
    arguments.check(given, LiveArguments)
    return filled(TranscribeLiveConfig, "config", {"model": model, **_with_task(given)})


def paint(
    prompt: str, model: str, given: PaintingArguments, pictures: Mapping[str, Any]
) -> GenerateImagesRequest:
    """Makes a request for `GenerateImages` and `StreamGenerateImages`."""
    arguments.check(given, PaintingArguments)
    values: dict[str, Any] = {"prompt": prompt, "model": model, **given, **pictures}
    if "adapters" in given:
        values["adapters"] = _adapters(given["adapters"])
    return filled(GenerateImagesRequest, "", values)


def _adapters(named: str | Sequence[str] | Mapping[str, float]) -> list[ImageAdapter]:
    if isinstance(named, Mapping):
        return [ImageAdapter(adapter_id=name, scale=scale) for name, scale in named.items()]
    names = [named] if isinstance(named, str) else named
    return [ImageAdapter(adapter_id=name) for name in names]


def _with_task(given: TranscriptionArguments | LiveArguments) -> dict[str, Any]:
    values: dict[str, Any] = {**given}
    translate = values.pop("translate", None)
    return values if translate is None else {**values, "task": _TASKS[bool(translate)]}
