"""`models` and `models/{model_name}/load`: the installed models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from funland.v1.models_pb2 import GetModelRequest, LoadModelRequest, LoadSettings, Model
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.inference.generation import DEFAULT_MODEL
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.reading import invalid
from funland_gateway.dialects.rpcs import GET_MODEL, LOAD_MODEL
from funland_gateway.dialects.sizes import size

_CPU: Final = "cpu_0"


def list_models(_incoming: Incoming) -> Unary:
    """Asks for all models."""
    return every_model(lambda models: json_reply({"models": [_model(model) for model in models]}))


def load_model(incoming: Incoming) -> Unary:
    """Asks to load a model, which answers when it is ready.

    An installed model has the quantization that it has: asking for another fails before the load.
    Without `prefer_gpu` the server chooses the devices, and takes a GPU if it can; with false the
    CPU alone computes.
    """
    name = incoming.path["model_name"]
    quantization = incoming.body.optional_string("quantization")
    cpu_alone = incoming.body.boolean("prefer_gpu") is False
    settings = LoadSettings(device_ids=[_CPU]) if cpu_alone else None

    def load(model: Model) -> Unary:
        if quantization and model.quantization.lower() not in ("", quantization.lower()):
            raise invalid(
                "quantization", f"must be {model.quantization} or left out for {model.model_id}"
            )
        request = LoadModelRequest(model_id=model.model_id, settings=settings)
        return Unary(LOAD_MODEL, request, _loaded, _field_name)

    def load_default(models: Sequence[Model]) -> Unary:
        # Without one, the server says that there is no model of that name.
        return load(next((model for model in models if model.default), Model(model_id=name)))

    if name == DEFAULT_MODEL:
        return every_model(load_default)
    return Unary(GET_MODEL, GetModelRequest(model_id=name), load, _field_name)


def _field_name(path: str) -> str:
    if path.startswith("settings.device_ids"):
        return "prefer_gpu"
    return "model_name" if path == "model_id" else path


def _loaded(model: Model) -> Reply:
    return json_reply(_model(model))


def _model(model: Model) -> dict[str, Any]:
    loaded = model.state == Model.LOADED
    measured = loaded and model.loaded.HasField("memory_bytes")
    return {
        "name": model.model_id,
        "format": Model.Format.Name(model.format).lower(),
        "size": size(model.size_bytes),
        "loaded": loaded,
        "memory_usage": size(model.loaded.memory_bytes) if measured else None,
        "quantization": model.quantization,
    }
