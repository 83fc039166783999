"""A model as callers see it."""

from __future__ import annotations

from time import time
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1 import models_pb2
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.progress import loading_to_wire
from funland_server.workers.place import Place
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import kind
from funland_server.workers.worker import Worker

_PIN: Final = ""
"""Who holds a model that is pinned."""
_TOLD: Final = (
    "gpu_layers",
    "layer_count",
    "flash_attention",
    "cache_tokens",
    "cache_reuse_tokens",
)
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
        size_bytes=model.size_bytes,
        sha256=model.sha256,
        license=header.license,
        can_chat=model.has_chat_template and header.writes_text,
        can_generate=header.writes_text,
        can_see=header.projector is not None and header.projector.sees,
        can_hear=header.projector is not None and header.projector.hears,
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
    message.kind, message.pinned = model.kind, _PIN in place.holds
    # Another run that waits for room hides nothing: until then the former answers.
    if place.loading and (place.worker is None or place.leaving):
        message.state = models_pb2.Model.LOADING
        if (standing := place.load.standing) is not None:
            message.loading.CopyFrom(loading_to_wire(standing, place.load.elapsed_ms, model))
    elif (worker := place.worker) is not None:
        message.state = models_pb2.Model.LOADED
        message.can_chat = worker.ready.can_chat
        message.can_generate = worker.ready.can_generate
        message.can_rerank = worker.ready.can_rank
        message.can_see, message.can_hear = worker.ready.can_see, worker.ready.can_hear
        message.kind = kind(worker.spec, worker.ready)
        message.loaded.CopyFrom(loaded(worker, place))
    elif (seconds := place.retry_seconds) is not None:
        message.state = models_pb2.Model.BACKING_OFF
        message.retry_time.CopyFrom(_in(seconds))
    elif place.error is not None:
        message.state = models_pb2.Model.FAILED
        message.load_error.CopyFrom(place.error.to_wire())
    return message


def loaded(worker: Worker, place: Place) -> models_pb2.LoadedModel:
    """A worker as callers see it."""
    ready = worker.ready
    shown = models_pb2.LoadedModel(
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
        leases=_leases(worker, place),
        estimate_bytes=worker.spec.needed_bytes or None,
        peak_memory_bytes=worker.peak_memory_bytes,
        **{name: getattr(ready, name) for name in _TOLD if ready.HasField(name)},
    )
    shown.load_time.CopyFrom(_at(worker.load_time))
    if (seconds := place.unload_seconds) is not None:
        shown.unload_time.CopyFrom(_in(seconds))
    return shown


def _leases(worker: Worker, place: Place) -> list[models_pb2.Lease]:
    leases = [
        models_pb2.Lease(kind=hold.kind, holder=hold.holder, since_time=_at(hold.since))
        for hold in place.holds.values()
    ]
    if count := worker.calls + place.callers:
        calls = models_pb2.Lease(kind=models_pb2.Lease.CALLS, count=count)
        if (since := worker.calls_since) is not None:
            calls.since_time.CopyFrom(_at(since))
        leases.append(calls)
    return leases


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
    return _at(time() + seconds)


def _at(seconds: float) -> Timestamp:
    """A moment in Unix time."""
    at = Timestamp()
    at.FromMicroseconds(round(seconds * 1e6))
    return at
