"""Ollama's models: those that are installed, those in memory, and what one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from google.protobuf.empty_pb2 import Empty

from funland.v1.deployments_pb2 import (
    DeploymentModel,
    GetDeploymentModelRequest,
    ListDeploymentsResponse,
)
from funland.v1.models_pb2 import DeleteModelRequest, Model
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.ollama.loading import RUNNING, field_name, model_or_deployment
from funland_gateway.dialects.ollama.names import asked_name, listed, plain, tagged
from funland_gateway.dialects.ollama.options import SAMPLING
from funland_gateway.dialects.rpcs import DELETE_MODEL, GET_DEPLOYMENT_MODEL, LIST_DEPLOYMENTS
from funland_gateway.dialects.sizes import weights
from funland_gateway.dialects.sources import format_name
from funland_gateway.dialects.times import moment

NOTHING: Final = Reply(b"", "text/plain; charset=utf-8")

_MEDIA: Final = (Model.SPEECH, Model.TRANSCRIPTION, Model.IMAGE)
"""For which Ollama's API has no call."""

_CAPABILITIES: Final[Mapping[str, Callable[[Model], bool]]] = {
    "completion": lambda model: model.can_generate,
    "tools": lambda model: model.can_chat,  # every template's models are told of them somehow
    "vision": lambda model: model.can_see,
    "audio": lambda model: model.can_hear,
    "embedding": lambda model: model.kind == Model.EMBEDDING,
}


def list_models(_incoming: Incoming) -> Unary:
    """Asks for the models that read or write text, and for deployments by their names."""

    def with_models(models: Sequence[Model]) -> Unary:
        texts = [model for model in models if model.kind not in _MEDIA]
        by_id = {model.model_id: model for model in texts}

        def answer(page: ListDeploymentsResponse) -> Reply:
            entries = [_entry(name, model) for name, model in listed(texts)]
            named = [one for one in page.deployments if one.name and one.model in by_id]
            entries += [_entry(tagged(one.name), by_id[one.model]) for one in named]
            return json_reply({"models": entries})

        return Unary(LIST_DEPLOYMENTS, RUNNING, answer)

    return every_model(with_models)


def list_running(_incoming: Incoming) -> Unary:
    """Asks for the models that are in memory."""

    def answer(models: Sequence[Model]) -> Reply:
        texts = [model for model in models if model.kind not in _MEDIA]
        running = [pair for pair in listed(texts) if pair[1].HasField("loaded")]
        return json_reply({"models": [_running(name, model) for name, model in running]})

    return every_model(answer)


def show(incoming: Incoming) -> Unary:
    """Asks what a model is."""
    name = asked_name(incoming.body)

    def deployed() -> Unary:
        request = GetDeploymentModelRequest(deployment_id=plain(name))

        def answer(told: DeploymentModel) -> Reply:
            return _shown(told.model)

        return Unary(GET_DEPLOYMENT_MODEL, request, answer)

    return model_or_deployment(name, _shown, deployed)


def delete(incoming: Incoming) -> Unary:
    """Asks for a model to be deleted."""
    request = DeleteModelRequest(model_id=plain(asked_name(incoming.body)))

    def answer(_: Empty) -> Reply:
        return NOTHING

    return Unary(DELETE_MODEL, request, answer, field_name)


def details(model: Model) -> dict[str, Any]:
    """What a model is made of, as lists and `show` tell it."""
    family = model.architecture
    return {
        "parent_model": "",
        "format": format_name(model.format) or "",
        "family": family,
        "families": [family] if family else [],
        "parameter_size": weights(model.parameter_count) if model.parameter_count else "",
        "quantization_level": model.quantization,
    }


def parameters_text(model: Model) -> str:
    """What calls get that say nothing of it, as a Modelfile has it: a line for each value."""
    wanted = {ours: name for name, ours in SAMPLING.items()}
    lines: list[str] = []
    for field, value in model.default_sampling.ListFields():
        if field.name in wanted:
            values = list(value) if field.is_repeated else [value]
            lines += [f"{wanted[field.name]:30} {_written(each)}" for each in values]
    if model.HasField("default_context_length"):
        lines.append(f"{'num_ctx':30} {model.default_context_length}")
    return "\n".join(lines)


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"  # a 32-bit float has no more digits
    return orjson.dumps(value).decode() if isinstance(value, str) else str(value)


def _entry(name: str, model: Model) -> dict[str, Any]:
    entry = {
        "name": name,
        "model": name,
        "size": model.size_bytes,
        "digest": model.sha256,
        "details": details(model),
        "capabilities": _capabilities(model),
    }
    return {**entry, **_modified(model)}


def _running(name: str, model: Model) -> dict[str, Any]:
    loaded = model.loaded
    entry: dict[str, Any] = {
        "name": name,
        "model": name,
        # What its process has of the memory; the weights where that can't be read.
        "size": loaded.memory_bytes if loaded.HasField("memory_bytes") else model.size_bytes,
        "digest": model.sha256,
        "details": details(model),
        "context_length": loaded.context_length,
    }
    if all(device.HasField("bytes") for device in loaded.device_memory):
        entry["size_vram"] = sum(device.bytes for device in loaded.device_memory)
    expires = moment(loaded, "unload_time")
    return entry if expires is None else {**entry, "expires_at": expires}


def _modified(model: Model) -> dict[str, str]:
    """When it was installed; nothing of one that comes with Funland."""
    installed = moment(model, "create_time")
    return {} if installed is None else {"modified_at": installed}


def _capabilities(model: Model) -> list[str]:
    return [word for word, can in _CAPABILITIES.items() if can(model)]


def _shown(model: Model) -> Reply:
    family = model.architecture
    told: dict[str, Any] = {
        "license": model.license,
        "parameters": parameters_text(model),
        "system": model.default_system_message,
    }
    info: dict[str, Any] = {
        "general.architecture": family,
        "general.name": model.display_name,
        "general.parameter_count": model.parameter_count,
        f"{family}.context_length": model.context_length,
        f"{family}.embedding_length": model.embedding_length,
    }
    return json_reply(
        {
            **{name: text for name, text in told.items() if text},
            "details": details(model),
            "model_info": {name: value for name, value in info.items() if value},
            "capabilities": _capabilities(model),
            **_modified(model),
        }
    )
