"""Loads a model that paints."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import (
    refuse_cache_settings,
    refuse_cache_tokens,
    refuse_draft_model,
    threads,
)
from funland_worker.engines.openvino.library import check_device, openvino
from funland_worker.engines.openvino.placing import config, device_of, keep_compiled
from funland_worker.engines.protocol import EngineError
from funland_worker.images.engine import PaintingEngine
from funland_worker.images.facts import read_facts, read_wishes
from funland_worker.images.fitting import misfit, networks_in
from funland_worker.images.lora import read_adapter
from funland_worker.images.painter import Painter
from funland_worker.images.pipelines import Pipelines
from funland_worker.images.plan import Defaults
from funland_worker.media.engine import MediaFacts

logger = logging.getLogger(__name__)

_PRECISION = "INFERENCE_PRECISION_HINT"


def load(launch: worker_pb2.Launch, news: LoadNews | None = None) -> PaintingEngine:
    """The model; `news` is told when the files are read.

    Raises:
        EngineError: ENGINE_UNAVAILABLE without OpenVINO or the device, MODEL_LOAD_FAILED,
            ADAPTER_INVALID.
    """
    refuse_draft_model(launch, "OPENVINO")
    refuse_cache_settings(launch, "OPENVINO")
    refuse_cache_tokens(launch, "OPENVINO")
    core: Any = openvino().Core()
    device = device_of(launch)
    check_device(core, device)
    keep_compiled(launch)
    folder = Path(launch.model_path)
    facts = read_facts(folder)
    weights = sum(one.stat().st_size for one in folder.glob("*/openvino_model.bin"))
    thread_count = threads(launch, weights)
    told = config(launch, device, thread_count)
    told.pop(_PRECISION, None)  # a picture needs no more than its weights have
    several = (folder / "text_encoder_2").is_dir()
    adapters = {
        name: read_adapter(Path(path), several_readers=several)
        for name, path in launch.adapters.items()
    }
    (news or LoadNews()).prepares()
    try:
        if why := misfit(networks_in(core, folder)):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, f"The model's networks don't fit each other: {why}."
            )
        pipelines = Pipelines(folder, device, told, facts, adapters)
    except (RuntimeError, ValueError) as error:
        logger.error("OpenVINO could not load the pictures' model for %s: %s", device, error)
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"OpenVINO could not load the model for {device}; the server's log says more.",
        ) from error
    wishes = read_wishes(folder)
    own = pipelines.defaults
    defaults = Defaults(
        int(wishes.get("num_inference_steps", min(own.steps, facts.trained_steps))),
        wishes.get("guidance_scale", own.guidance_scale),
    )
    return PaintingEngine(
        Painter(pipelines, facts, defaults, frozenset(adapters)),
        MediaFacts(LoadSettings.OPENVINO, device, slots=1, threads=thread_count),
    )
