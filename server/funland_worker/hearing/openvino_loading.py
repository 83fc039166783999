"""Loads a Whisper for OpenVINO."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland_worker import cores
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import (
    refuse_cache_settings,
    refuse_cache_tokens,
    refuse_draft_model,
)
from funland_worker.engines.openvino.library import check_device, openvino, unsupported
from funland_worker.engines.openvino.placing import config, device_of, keep_compiled, kind_of
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.choosing_tokens import Marks
from funland_worker.hearing.listener import Listener
from funland_worker.hearing.openvino_whisper import DECODER, ENCODER, OpenVinoWhisper
from funland_worker.hearing.tokens import WhisperTokens
from funland_worker.hearing.whisper_listener import WhisperListener

logger = logging.getLogger(__name__)

_SLOTS: Final = 8
_GENERATION: Final = "generation_config.json"


def is_openvino(folder: Path) -> bool:
    """Whether it is a Whisper that OpenVINO reads."""
    return (folder / ENCODER).exists()


def load_openvino(launch: worker_pb2.Launch, news: LoadNews) -> Listener:
    """The model. Blocks.

    Raises:
        EngineError: ENGINE_UNAVAILABLE, ENGINE_UNSUPPORTED, MODEL_LOAD_FAILED.
    """
    refuse_draft_model(launch, "OPENVINO")
    refuse_cache_settings(launch, "OPENVINO")
    refuse_cache_tokens(launch, "OPENVINO")
    core: Any = openvino().Core()
    device = device_of(launch)
    check_device(core, device)
    if kind_of(device) == "NPU":
        raise unsupported("device", "On an NPU no Whisper is computed; take the CPU or a GPU.")
    keep_compiled(launch)
    folder = Path(launch.model_path)
    tokens = WhisperTokens(folder)
    marks = _marks(folder, tokens)
    settings = launch.settings
    threads = settings.threads or cores.most_threads(cores.count())
    told = config(launch, device, threads)
    news.prepares()
    try:
        encoder = core.compile_model(str(folder / ENCODER), device, told)
        decoder = core.compile_model(str(folder / DECODER), device, told)
    except (RuntimeError, ValueError) as error:
        logger.error("OpenVINO could not prepare the model for %s: %s", device, error)
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"OpenVINO could not prepare the model for {device}; the server's log says more.",
        ) from error
    multilingual = len(tokens.languages) > 1 and _has_languages(folder)
    return WhisperListener(
        OpenVinoWhisper(
            encoder,
            decoder,
            marks,
            start=tokens.start,
            no_speech=tokens.no_speech,
            languages=tokens.languages,
        ),
        tokens,
        multilingual=multilingual,
        engine=LoadSettings.OPENVINO,
        device=device,
        threads=threads,
        slots=settings.slots if settings.HasField("slots") else _SLOTS,
    )


def _generation(folder: Path) -> dict[str, Any]:
    """What the model says of how it writes; empty if it says nothing."""
    try:
        content = orjson.loads((folder / _GENERATION).read_bytes())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _has_languages(folder: Path) -> bool:
    return bool(_generation(folder).get("is_multilingual", True))


def _marks(folder: Path, tokens: WhisperTokens) -> Marks:
    told = _generation(folder)

    def numbers(name: str) -> tuple[int, ...]:
        listed = told.get(name)
        known = cast("list[Any]", listed) if isinstance(listed, list) else []
        return tuple(one for one in known if isinstance(one, int) and 0 <= one < tokens.first_time)

    return Marks(
        end=tokens.end,
        no_timestamps=tokens.no_timestamps,
        first_time=tokens.first_time,
        never=numbers("suppress_tokens"),
        never_first=numbers("begin_suppress_tokens"),
    )
