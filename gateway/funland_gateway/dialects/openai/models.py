"""`/v1/models`: the installed models as OpenAI lists its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from funland.v1 import deployments_pb2, models_pb2
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.rpcs import (
    DELETE_MODEL,
    GET_DEPLOYMENT_MODEL,
    GET_MODEL,
    LIST_DEPLOYMENTS,
)

META: Final = {
    "n_ctx_train": "context_length",
    "n_embd": "embedding_length",
    "n_params": "parameter_count",
    "size": "size_bytes",
}
"""What `meta` calls the fields of the contract, as llama-server does."""

_RUNNING: Final = deployments_pb2.ListDeploymentsRequest(
    states=[deployments_pb2.Deployment.RUNNING], page_size=1000
)

_MEDIA: Final = (
    models_pb2.Model.SPEECH,
    models_pb2.Model.TRANSCRIPTION,
    models_pb2.Model.IMAGE,
)

_CAPABILITIES: Final[Mapping[str, Callable[[models_pb2.Model], bool]]] = {
    "completion": lambda model: model.can_generate,
    "chat": lambda model: model.can_chat,
    "tools": lambda model: model.can_chat,  # every template's models are told of them somehow
    "vision": lambda model: model.can_see,
    "audio": lambda model: model.can_hear,
    "rerank": lambda model: model.can_rerank,
    "embedding": lambda model: (
        not (model.can_generate or model.can_rerank) and model.kind not in _MEDIA
    ),
    "speech": lambda model: model.kind == models_pb2.Model.SPEECH,
    "transcription": lambda model: model.kind == models_pb2.Model.TRANSCRIPTION,
    "image": lambda model: model.kind == models_pb2.Model.IMAGE,
}
"""What a model is for, in Ollama's words where it has them."""


def list_models(_incoming: Incoming) -> Unary:
    """Asks for all models, and for deployments: calls may use their names too."""

    def with_deployments(models: Sequence[models_pb2.Model]) -> Unary:
        by_id = {model.model_id: model for model in models}

        def answer(page: deployments_pb2.ListDeploymentsResponse) -> Reply:
            named = [one for one in page.deployments if one.name and one.model in by_id]
            entries = [model_entry(model) for model in models]
            return listed([*entries, *(_named(by_id[one.model], one) for one in named)])

        return Unary(LIST_DEPLOYMENTS, _RUNNING, answer)

    return every_model(with_deployments)


def retrieve_model(incoming: Incoming) -> Unary:
    """Asks for one model by id or alias, or by the name or id of a deployment that runs."""
    name = incoming.path["model"]

    def with_deployments(page: deployments_pb2.ListDeploymentsResponse) -> Unary:
        if any(name in (one.name, one.deployment_id) for one in page.deployments):
            asked = deployments_pb2.GetDeploymentModelRequest(deployment_id=name)
            return Unary(GET_DEPLOYMENT_MODEL, asked, lambda told: json_reply(served(told, name)))
        request = models_pb2.GetModelRequest(model_id=name)
        return Unary(GET_MODEL, request, _answer, _field_name)

    return Unary(LIST_DEPLOYMENTS, _RUNNING, with_deployments)


def delete_model(incoming: Incoming) -> Unary:
    """Asks for a model to be deleted."""
    model = incoming.path["model"]

    def answer(_: Empty) -> Reply:
        return json_reply({"id": model, "object": "model", "deleted": True})

    request = models_pb2.DeleteModelRequest(model_id=model)
    return Unary(DELETE_MODEL, request, answer, _field_name)


def _field_name(path: str) -> str:
    return "model" if path == "model_id" else path


def _answer(model: models_pb2.Model) -> Reply:
    return json_reply(model_entry(model))


def listed(entries: Sequence[dict[str, Any]]) -> Reply:
    """A list of models."""
    return json_reply({"object": "list", "data": entries})


def served(told: deployments_pb2.DeploymentModel, name: str) -> dict[str, Any]:
    """The model of a deployment under one of its names."""
    return model_entry(told.model, name, told.context_length)


def model_entry(model: models_pb2.Model, name: str = "", context_length: int = 0) -> dict[str, Any]:
    """A model, under its id or another name; a `context_length` of 0 is the model's own."""
    length = context_length or _context_length(model)
    return {
        "id": name or model.model_id,
        "object": "model",
        # OpenAI's shape has no null here. Unset, as for a built-in model, reads as 0.
        "created": model.create_time.seconds,
        "owned_by": "funland" if model.built_in else "local",
        # What clients of OpenRouter and LM Studio, and of vLLM, read; `meta` is llama-server's.
        "context_length": length,
        "max_model_len": length,
        "capabilities": [word for word, can in _CAPABILITIES.items() if can(model)],
        "meta": {name: getattr(model, ours) or None for name, ours in META.items()},
    }


def _named(model: models_pb2.Model, deployment: deployments_pb2.Deployment) -> dict[str, Any]:
    """The model of a deployment under that one's name."""
    vllm = deployment.engine == deployments_pb2.Deployment.VLLM
    asked = deployment.vllm.max_model_len if vllm else deployment.settings.context_length
    return model_entry(model, deployment.name, asked)


def _context_length(model: models_pb2.Model) -> int | None:
    """How many tokens a call may have, its answer included; what the model was trained for while
    it isn't loaded, None if its file doesn't tell."""
    loaded = model.loaded.context_length if model.HasField("loaded") else 0
    return loaded or model.context_length or None
