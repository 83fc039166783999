"""Opens a model to train: what its file says, and its tokens; its weights are read by a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1 import worker_pb2
from funland_worker import cores
from funland_worker.engines.gguf_source import GgufSource
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.protocol import EngineError
from funland_worker.engines.vocabulary import check_vocabulary
from funland_worker.media.engine import MediaFacts
from funland_worker.media.servicer import MediaServicer
from funland_worker.training.engine import TrainingEngine
from funland_worker.training.shape import read_shape
from funland_worker.training.way import TrainedModel


async def opened_trainer(
    launch: worker_pb2.Launch, send: Callable[[worker_pb2.Step], None]
) -> tuple[MediaServicer, worker_pb2.Ready]:
    """As `main.opened`.

    Raises:
        EngineError: TRAINING_UNSUPPORTED, or MODEL_LOAD_FAILED.
    """
    engine = await asyncio.to_thread(load, launch)
    facts = engine.facts
    ready = worker_pb2.Ready(slots=facts.slots, threads=facts.threads, device=facts.device)
    servicer = MediaServicer(
        engine, launch.token, send, queue_limit=launch.queue_limit, rest=engine.rest
    )
    return servicer, ready


def load(launch: worker_pb2.Launch) -> TrainingEngine:
    """The model without its weights; raises as `opened_trainer`."""
    if launch.format not in (Model.FORMAT_UNSPECIFIED, Model.GGUF):
        raise EngineError(
            ErrorReason.TRAINING_UNSUPPORTED,
            "The model is not of the format GGUF, which alone can be trained here.",
        )
    path = Path(launch.model_path)
    try:
        source = GgufSource(path)
        shape = read_shape(source)
        rows = int(source.tensors["token_embd.weight"].shape[1])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED, "The model's file can't be read for training."
        ) from error
    library.start()
    file = GgufFile(path, weights=False)
    check_vocabulary(file.vocabulary, rows)
    threads = cores.most_threads(cores.count())
    facts = MediaFacts(LoadSettings.ENGINE_UNSPECIFIED, "CPU", slots=1, threads=threads)
    return TrainingEngine(TrainedModel(path, shape, rows), file.facts, facts)
