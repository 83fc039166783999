"""A model as callers see it."""

from __future__ import annotations

from datetime import UTC, datetime

from funland.v1 import models_pb2
from funland_server.models.installed import InstalledModel
from funland_server.workers.pool import WorkerPool
from funland_server.workers.worker import Worker


def to_wire(model: InstalledModel, pool: WorkerPool, *, default: bool) -> models_pb2.Model:
    """The model and how it stands now."""
    header = model.header
    message = models_pb2.Model(
        model_id=model.model_id,
        aliases=model.aliases,
        display_name=header.name,
        description=header.description,
        source=model.source,
        format=models_pb2.Model.GGUF,
        architecture=header.architecture,
        quantization=header.quantization,
        parameter_count=header.parameter_count,
        context_length=header.context_length,
        embedding_length=header.embedding_length,
        size_bytes=model.fingerprint.size_bytes,
        sha256=model.sha256,
        license=header.license,
        can_chat=header.has_chat_template,
        built_in=model.built_in,
        default=default,
        state=models_pb2.Model.INSTALLED,
    )
    if model.create_time is not None:
        message.create_time.FromDatetime(model.create_time)
    if pool.is_loading(model.model_id):
        message.state = models_pb2.Model.LOADING
    elif (worker := pool.worker(model.model_id)) is not None:
        message.state = models_pb2.Model.LOADED
        message.can_chat = worker.ready.can_chat
        message.loaded.CopyFrom(_loaded(worker, pool.restarts(model.model_id)))
    elif (error := pool.load_error(model.model_id)) is not None:
        message.state = models_pb2.Model.FAILED
        message.load_error.CopyFrom(error.to_wire())
    return message


def _loaded(worker: Worker, restarts: int) -> models_pb2.LoadedModel:
    loaded = models_pb2.LoadedModel(
        context_length=worker.ready.context_length,
        slots=worker.ready.slots,
        threads=worker.ready.threads,
        memory_bytes=worker.memory_bytes,
        active_sequences=worker.active_sequences,
        waiting_sequences=worker.waiting_sequences,
        load_ms=worker.load_ms,
        restarts=restarts,
    )
    loaded.load_time.FromDatetime(datetime.fromtimestamp(worker.load_time, UTC))
    return loaded
