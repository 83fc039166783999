"""Loads a model that hears."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland_worker import cores
from funland_worker.engines.ctranslate2.library import ctranslate2
from funland_worker.engines.ctranslate2.placing import Spot, spot_of
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import (
    refuse_cache_settings,
    refuse_cache_tokens,
    refuse_draft_model,
)
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.engine import HearingEngine
from funland_worker.hearing.joining import whole_folder
from funland_worker.hearing.listener import Listener
from funland_worker.hearing.openvino_loading import is_openvino, load_openvino
from funland_worker.hearing.tokens import WhisperTokens
from funland_worker.hearing.whisper import CTranslate2Whisper
from funland_worker.hearing.whisper_listener import WhisperListener
from funland_worker.media.engine import MediaEngine

logger = logging.getLogger(__name__)

_SLOTS: Final = 8


def load(launch: worker_pb2.Launch, news: LoadNews) -> MediaEngine:
    """The model. Blocks.

    Raises:
        EngineError: ENGINE_UNAVAILABLE, ENGINE_UNSUPPORTED, MODEL_LOAD_FAILED.
    """
    # A thread that goes on would keep those that OpenMP gave it for rearranging weights.
    with ThreadPoolExecutor(1, thread_name_prefix="load") as thread:
        return HearingEngine(thread.submit(_listener, launch, news).result())


def _listener(launch: worker_pb2.Launch, news: LoadNews) -> Listener:
    if is_openvino(Path(launch.model_path)):
        return load_openvino(launch, news)
    refuse_draft_model(launch, "CTRANSLATE2")
    refuse_cache_settings(launch, "CTRANSLATE2")
    refuse_cache_tokens(launch, "CTRANSLATE2")
    package: Any = ctranslate2()
    spot = spot_of(launch, package)
    folder = whole_folder(launch)
    tokens = WhisperTokens(folder)
    settings = launch.settings
    threads = settings.threads or cores.most_threads(cores.count())
    try:
        network = package.models.Whisper(
            str(folder),
            device=spot.device,
            device_index=spot.index,
            compute_type=_compute_type(spot, package),
            intra_threads=threads,
        )
    except (RuntimeError, ValueError) as error:
        logger.error("CTranslate2 could not load the model on %s: %s", spot.name, error)
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            "CTranslate2 could not load the model: it may be damaged, or of a version that this one"
            " does not read. The server's log says more.",
        ) from error
    news.prepares()
    return WhisperListener(
        CTranslate2Whisper(package, network),
        tokens,
        multilingual=network.is_multilingual,
        engine=LoadSettings.CTRANSLATE2,
        device=spot.name,
        threads=threads,
        slots=settings.slots if settings.HasField("slots") else _SLOTS,
    )


def _compute_type(spot: Spot, package: Any) -> str:
    """Weights of 8 bits on the CPU, which loses nothing that could be measured."""
    if spot.device != "cpu":
        return spot.compute_type
    return "int8" if "int8" in package.get_supported_compute_types("cpu") else "default"
