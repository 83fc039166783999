"""`models` and `inference/models`: the installed models, and those that write texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from funland.v1.models_pb2 import Model, Origin
from funland.v1.training_pb2 import ListTrainingRunsRequest, TrainingRun
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.rpcs import LIST_TRAINING_RUNS
from funland_gateway.dialects.sizes import size, weights

_FRAMEWORKS: Final[Mapping[Model.Format.ValueType, str]] = {
    Model.GGUF: "llama.cpp",
    Model.OPENVINO_IR: "openvino",
    Model.CTRANSLATE2: "ctranslate2",
    Model.SAFETENSORS: "transformers",
    Model.ONNX: "onnx",
}
"""Whose form the weights have; safetensors of hubs are transformers'."""

_STATUSES: Final[Mapping[Model.State.ValueType, str]] = {
    Model.INSTALLED: "ready",
    Model.LOADED: "ready",
    Model.LOADING: "loading",
    Model.FAILED: "failed",
    Model.BACKING_OFF: "failed",
}

Losses = Mapping[tuple[str, str], float]
"""The last losses of runs, by their models and adapters, the newest first."""
_RUNS: Final = 1000
"""The newest that are looked at."""
_ID_BYTES: Final = 6  # 48 bits: JSON's readers keep integers up to 53


def list_models(_incoming: Incoming) -> Unary:
    """Asks for all models, and for the runs that trained them if any was."""

    def answer(models: Sequence[Model], losses: Losses) -> Reply:
        return json_reply(
            {"total": len(models), "models": [_model(model, losses) for model in models]}
        )

    def find(models: Sequence[Model]) -> Reply | Unary:
        if not any(model.adapters for model in models):
            return answer(models, {})
        request = ListTrainingRunsRequest(states=[TrainingRun.COMPLETED], page_size=_RUNS)
        return Unary(
            LIST_TRAINING_RUNS,
            request,
            lambda found: answer(models, _losses(found.runs)),
            refused=lambda: answer(models, {}),
        )

    return every_model(find)


def list_inference_models(_incoming: Incoming) -> Unary:
    """Asks for the models that write texts."""

    def answer(models: Sequence[Model]) -> Reply:
        return json_reply({"models": [_writer(each) for each in models if each.can_generate]})

    return every_model(answer)


def number(model_id: str) -> int:
    """A model's number: it has none but its id, of which this is made."""
    return int.from_bytes(sha256(model_id.encode()).digest()[:_ID_BYTES])


def _losses(runs: Iterable[TrainingRun]) -> Losses:
    losses: dict[tuple[str, str], float] = {}
    for run in runs:  # the newest first
        if run.HasField("last"):
            losses.setdefault((run.model_id, run.adapter_id), run.last.loss)
    return losses


def _final_loss(model: Model, losses: Losses) -> float | None:
    """Of the newest adapter that it was trained to have here."""
    own = {(model.model_id, adapter.adapter_id) for adapter in model.adapters}
    return next((loss for name, loss in losses.items() if name in own), None)


def _model(model: Model, losses: Losses) -> dict[str, Any]:
    return {
        "id": number(model.model_id),
        "model_id": model.model_id,
        "name": model.model_id,
        "base_model": model.origin.model_id or None,
        "framework": _FRAMEWORKS.get(model.format),
        "size": size(model.size_bytes),
        "status": _STATUSES.get(model.state),
        # Nobody measures how well it translates.
        "metrics": {"final_loss": _final_loss(model, losses), "bleu_score": None},
    }


def _writer(model: Model) -> dict[str, Any]:
    return {
        "id": model.model_id,
        "name": model.display_name or model.model_id,
        "provider": provider(model),
        "size": weights(model.parameter_count) if model.parameter_count else None,
        "status": _STATUSES.get(model.state),
    }


def provider(model: Model) -> str | None:
    """Who published it; None where no hub told."""
    if model.built_in:
        return "funland"
    owner, slash, _ = model.origin.model_id.partition("/")
    if slash:
        return owner
    return "ollama" if model.origin.hub == Origin.OLLAMA else None
