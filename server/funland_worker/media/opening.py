"""Loads a model that speaks, hears or paints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

from funland.v1.models_pb2 import Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.load_news import LoadNews
from funland_worker.media.engine import MediaEngine
from funland_worker.media.servicer import MediaServicer

# Imported by the worker that needs one: what it takes is not needed by the others.
_LOADERS: Final[dict[Model.Kind.ValueType, str]] = {
    Model.SPEECH: "funland_worker.speech.loading",
    Model.TRANSCRIPTION: "funland_worker.hearing.loading",
    Model.IMAGE: "funland_worker.images.loading",
}

KINDS: Final = frozenset(_LOADERS)
"""What models are for that do jobs alone."""


async def opened_media(
    launch: worker_pb2.Launch, send: Callable[[worker_pb2.Step], None], news: LoadNews
) -> tuple[MediaServicer, worker_pb2.Ready]:
    """As `main.opened`."""
    module = import_module(_LOADERS[launch.kind])
    load = cast("Callable[[worker_pb2.Launch, LoadNews], MediaEngine]", module.load)
    news.begun()
    engine = await asyncio.to_thread(load, launch, news)
    facts = engine.facts
    ready = worker_pb2.Ready(
        slots=facts.slots, threads=facts.threads, engine=facts.engine, device=facts.device
    )
    return MediaServicer(engine, launch.token, send, queue_limit=launch.queue_limit), ready
