"""Chooses how a run is computed, and imports what computes it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import TrainAdapter
from funland_worker.engines.gguf_source import GgufSource
from funland_worker.engines.protocol import EngineError
from funland_worker.training.adapter_learner import NumpyAdapter
from funland_worker.training.learner import Way
from funland_worker.training.settings import Settings
from funland_worker.training.shape import Shape


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model that can be trained."""

    path: Path
    shape: Shape
    vocabulary: int
    """How many tokens it knows."""


def way_of(
    model: TrainedModel, job: TrainAdapter, settings: Settings, threads: int
) -> tuple[Way, AbstractContextManager[None]]:
    """The way that a job names, and what makes MemoryErrors of its own.

    Raises:
        EngineError: TRAINING_UNSUPPORTED; it can't be gone here.
    """
    if not job.torch_device:
        if job.method not in (TrainAdapter.METHOD_UNSPECIFIED, TrainAdapter.LORA):
            method = TrainAdapter.Method.Name(job.method)
            raise EngineError(
                ErrorReason.TRAINING_UNSUPPORTED, f"Without PyTorch nothing can learn by {method}."
            )
        return NumpyAdapter(partial(GgufSource, model.path), model.shape, settings), nullcontext()
    # PyTorch takes seconds and hundreds of megabytes, and few runs want it.
    from funland_worker.training.pytorch import devices  # noqa: PLC0415 - an extra

    device = devices.torch_device(job.torch_device, threads)
    if job.method == TrainAdapter.QLORA:
        devices.check_quantizing()
    from funland_worker.training.pytorch.ways import TorchAdapter, TorchWhole  # noqa: PLC0415 - an extra

    way: Way
    if job.method == TrainAdapter.FULL:
        way = TorchWhole(model.path, model.shape, model.vocabulary, device)
    else:
        quantized = job.method == TrainAdapter.QLORA
        way = TorchAdapter(model.path, model.shape, settings, device, quantized)
    return way, devices.out_of_memory_told()
