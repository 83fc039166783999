"""Tells people how models are: where they stand, what runs them, what they may be called with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.inference_pb2 import Loading
from funland.v1.models_pb2 import Lease, LoadedModel, LoadSettings, Model, Origin
from funland_cli.output import quantity, size, span

_HUBS: Final[Mapping[Origin.Hub.ValueType, str]] = {
    Origin.MODELSCOPE: "ModelScope",
    Origin.HUGGINGFACE: "HuggingFace",
    Origin.OLLAMA: "Ollama",
}


_USES: Final[Mapping[Model.Kind.ValueType, str]] = {
    Model.SPEECH: 'say "Hello."',
    Model.TRANSCRIPTION: "listen FILE",
    Model.IMAGE: 'paint "a house"',
}

_STAGES: Final[Mapping[Loading.Stage.ValueType, str]] = {
    Loading.WAITING: "waits for memory",
    Loading.STARTING: "starting",
    Loading.READING: "reading",
    Loading.PREPARING: "preparing",
}


def state(model: Model, now: datetime) -> str:
    """A model's state; empty for one that this version does not know."""
    told = word(Model.State, model.state)
    if model.state == Model.BACKING_OFF:
        return f"{told}, again in {_until(model.retry_time, now)}"
    return told


def format_name(model: Model) -> str:
    """How the weights are stored, such as `gguf`."""
    return format_of(model.format)


def kind_name(model: Model) -> str:
    """What a model is for, such as `speech`; empty for a later version's."""
    return word(Model.Kind, model.kind) if model.kind else ""


def use(model: Model) -> str:
    """A command that uses a model."""
    for_kind = _USES.get(model.kind)
    if for_kind is not None:
        return f"funland {for_kind} -m {model.model_id}"
    if model.can_chat:
        command = "chat"
    elif model.can_generate:
        command = "generate"
    else:
        command = "rerank" if model.can_rerank else "embed"
    return f"funland {command} -m {model.model_id}"


def format_of(value: Model.Format.ValueType) -> str:
    """The word for a format; empty for one that is not known."""
    return word(Model.Format, value) if value else ""


def hub_name(hub: Origin.Hub.ValueType) -> str:
    """A hub's name, as it writes itself; empty for none, and for a later version's."""
    return _HUBS.get(hub, "")


def engine(loaded: LoadedModel) -> str:
    """What computes a model and where, by the engine's names: `llama_cpp, CPU`."""
    name = word(LoadSettings.Engine, loaded.engine) if loaded.engine else ""
    return ", ".join(part for part in (name, loaded.device) if part)


def devices(loaded: LoadedModel) -> str:
    """Where a model is computed: `gpu_0`, or `gpu_0 20/33, cpu_0` if only so many of its layers
    are on accelerators."""
    ids = [*loaded.device_ids] or [part for part in (loaded.device,) if part]
    if ids and 0 < loaded.gpu_layers < loaded.layer_count:
        ids[0] += f" {loaded.gpu_layers}/{loaded.layer_count}"
    return ", ".join(ids)


def queue(loaded: LoadedModel) -> str:
    """How many calls wait, and how many may: `0/1024`."""
    return f"{loaded.waiting_sequences}/{loaded.queue_limit}"


def leases(loaded: LoadedModel) -> str:
    """What keeps a model in memory: `2 calls, a pin`."""
    return ", ".join(filter(None, map(_lease, loaded.leases)))


def loading(loading: Loading) -> str:
    """How far a load is: `waits for memory: a has 3 calls`, or `reading 42 %`."""
    told = _STAGES.get(loading.stage, "loading")
    if loading.waiting_for:
        return f"{told}: {loading.waiting_for}"
    return f"{told} {100 * loading.fraction:.0f} %" if loading.HasField("fraction") else told


def unloads(loaded: LoadedModel, now: datetime) -> str:
    """When a model leaves the memory if no call comes: `in 4 min`."""
    if loaded.HasField("unload_time"):
        return f"in {_until(loaded.unload_time, now)}"
    calls = any(lease.kind == Lease.CALLS for lease in loaded.leases)
    return "busy" if calls or loaded.active_sequences else "never"


def all_of(model: Model, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a model, by name; what is not known is empty."""
    yield "model", model.model_id
    yield "aliases", ", ".join(model.aliases)
    yield "name", model.display_name
    yield "about", model.description
    yield "source", model.source
    yield "hub", hub_name(model.origin.hub)
    yield "revision", model.origin.revision
    yield "format", format_name(model)
    yield "architecture", model.architecture
    yield "quantization", model.quantization
    yield "parameters", quantity(model.parameter_count)
    yield "context", f"{model.context_length} tokens" if model.context_length else ""
    length = model.embedding_length
    yield "embedding", f"{length} numbers" if length else ""
    yield "size", size(model.size_bytes)
    yield "sha256", model.sha256
    yield "license", model.license
    why_not = "it has no chat template" if model.can_generate else "it writes no text"
    yield "chat", "yes" if model.can_chat else f"no: {why_not}"
    yield "rerank", "by a ranking head" if model.can_rerank else ""
    yield "adapters", ", ".join(adapter.adapter_id for adapter in model.adapters)
    yield "for", kind_name(model)
    yield "state", state(model, now)
    yield "loading", loading(model.loading) if model.HasField("loading") else ""
    yield "error", model.load_error.message
    if model.HasField("loaded"):
        yield from _loaded(model.loaded, now)


def _loaded(loaded: LoadedModel, now: datetime) -> Iterator[tuple[str, str]]:
    limit = size(loaded.memory_limit_bytes)
    yield "engine", engine(loaded)
    yield "devices", devices(loaded)
    yield "on the CPU since", loaded.fallback_reason
    yield "device memory", _device_memory(loaded)
    yield "runs with", f"{loaded.context_length} tokens, {loaded.slots} slots"
    yield "threads", str(loaded.threads or "")
    yield "keys and values", kept_as(loaded)
    yield "attention", _attention(loaded)
    yield "memory", size(loaded.memory_bytes) + (f" of {limit}" if limit else "")
    yield "expected", size(loaded.estimate_bytes)
    yield "at most so far", size(loaded.peak_memory_bytes)
    yield "kept by", leases(loaded)
    yield "calls", f"{loaded.active_sequences} active, {queue(loaded)} waiting"
    of = f" of {loaded.cache_tokens}" if loaded.HasField("cache_tokens") else ""
    yield "cached", f"{loaded.cached_tokens}{of} tokens"
    if loaded.HasField("cache_reuse_tokens"):
        yield "reused", f"anywhere, runs of {loaded.cache_reuse_tokens} tokens and more"
    yield "unloads", unloads(loaded, now)
    yield "restarts", str(loaded.restarts)


def kept_as(loaded: LoadedModel) -> str:
    """The numbers that keys and values are kept as: `q8_0`, or `q8_0, f16`; empty if none are
    told."""
    told = [word(LoadSettings.CacheType, one) for one in (loaded.key_type, loaded.value_type)]
    return ", ".join(dict.fromkeys(told)) if all((loaded.key_type, loaded.value_type)) else ""


def _attention(loaded: LoadedModel) -> str:
    if not loaded.HasField("flash_attention"):
        return ""
    return "in one pass (flash)" if loaded.flash_attention else "with all scores"


def _lease(lease: Lease) -> str:
    match lease.kind:
        case Lease.CALLS:
            return f"{lease.count} {'calls' if lease.count > 1 else 'call'}"
        case Lease.PIN:
            return "a pin"
        case Lease.DEPLOYMENT:
            return f"deployment {lease.holder}"
        case _:  # Kinds may be added.
            return ""


def _device_memory(loaded: LoadedModel) -> str:
    """What a model takes of accelerators' memory: `gpu_0 1.2 GB`; expected where no engine told."""
    return ", ".join(
        f"{one.device_id} {size(one.bytes)}"
        if one.HasField("bytes")
        else f"{one.device_id} about {size(one.estimate_bytes)}"
        for one in loaded.device_memory
    )


def ago(time: Timestamp, now: datetime) -> str:
    """How long ago something was: `2 h 5 min ago`."""
    return f"{span(max((now - time.ToDatetime(tzinfo=UTC)).total_seconds(), 0))} ago"


def _until(time: Timestamp, now: datetime) -> str:
    return span(max((time.ToDatetime(tzinfo=UTC) - now).total_seconds(), 0))


def word(names: Any, value: int) -> str:
    """An enum's value as a word, empty for a later version's: `backing_off`."""
    return names.Name(value).lower() if value in names.values() else ""
