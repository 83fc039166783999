"""A model as callers see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1 import models_pb2
from funland_server.models.installed.model import InstalledModel
from funland_server.workers.place import Place
from funland_server.workers.pool import WorkerPool
from funland_server.workers.worker import Worker

_TOLD: Final = ("gpu_layers", "layer_count", "flash_attention")
"""What an engine may tell or not."""


def to_wire(model: InstalledModel, pool: WorkerPool, *, default: bool) -> models_pb2.Model:
    """The model and how it stands now."""
    header = model.header
    message = models_pb2.Model(
        model_id=model.model_id,
        aliases=model.aliases,
        display_name=header.name,
        description=header.description,
        source=model.source,
        format=model.format,
        architecture=header.architecture,
        quantization=header.quantization,
        parameter_count=header.parameter_count,
        context_length=header.context_length,
        embedding_length=header.embedding_length,
        size_bytes=model.fingerprint.size_bytes,
        sha256=model.sha256,
        license=header.license,
        can_chat=model.has_chat_template and header.writes_text,
        can_generate=header.writes_text,
        built_in=model.built_in,
        default=default,
        state=models_pb2.Model.INSTALLED,
        origin=model.origin,
        default_sampling=model.defaults.sampling if model.defaults.sampling.ListFields() else None,
        default_system_message=model.defaults.system_message,
        default_context_length=model.defaults.context_length,
    )
    if model.create_time is not None:
        message.create_time.FromDatetime(model.create_time)
    place = pool.place(model.model_id)
    if place.loading:
        message.state = models_pb2.Model.LOADING
    elif (worker := place.worker) is not None:
        message.state = models_pb2.Model.LOADED
        message.can_chat = worker.ready.can_chat
        message.can_generate = worker.ready.can_generate
        message.can_rerank = worker.ready.can_rank
        message.loaded.CopyFrom(_loaded(worker, place))
    elif (seconds := place.retry_seconds) is not None:
        message.state = models_pb2.Model.BACKING_OFF
        message.retry_time.CopyFrom(_in(seconds))
    elif place.error is not None:
        message.state = models_pb2.Model.FAILED
        message.load_error.CopyFrom(place.error.to_wire())
    return message


def _loaded(worker: Worker, place: Place) -> models_pb2.LoadedModel:
    ready = worker.ready
    loaded = models_pb2.LoadedModel(
        context_length=worker.ready.context_length,
        slots=worker.ready.slots,
        threads=worker.ready.threads,
        memory_bytes=worker.memory_bytes,
        active_sequences=worker.active_sequences,
        waiting_sequences=worker.waiting_sequences,
        load_ms=worker.load_ms,
        restarts=place.restarts,
        engine=worker.ready.engine,
        device=worker.ready.device,
        memory_limit_bytes=worker.spec.memory_limit_bytes or None,
        queue_limit=worker.spec.queue_limit,
        cached_tokens=worker.cached_tokens,
        device_ids=worker.device_ids,
        device_memory=_device_memory(worker),
        fallback_reason=worker.spec.fallback_reason,
        node_id=worker.spec.node_id,
        key_type=ready.key_type,
        value_type=ready.value_type,
        **{name: getattr(ready, name) for name in _TOLD if ready.HasField(name)},
    )
    loaded.load_time.FromDatetime(datetime.fromtimestamp(worker.load_time, UTC))
    if (seconds := place.unload_seconds) is not None:
        loaded.unload_time.CopyFrom(_in(seconds))
    return loaded


def _device_memory(worker: Worker) -> list[models_pb2.DeviceMemory]:
    took = worker.ready.device_memory
    return [
        models_pb2.DeviceMemory(
            device_id=device.device_id,
            bytes=took.get(device.name),
            estimate_bytes=device.bytes,
        )
        for device in worker.spec.devices
        if device.bytes
    ]


def _in(seconds: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(datetime.now(UTC) + timedelta(seconds=seconds))
    return time
