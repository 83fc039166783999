"""What a request wants of its model's stay in memory, and calls that ask for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from funland.v1.deployments_pb2 import Deployment, ListDeploymentsRequest, ListDeploymentsResponse
from funland.v1.models_pb2 import (
    GetModelRequest,
    LoadModelRequest,
    LoadSettings,
    Model,
    UnloadModelRequest,
)
from funland_gateway.dialects.dialect import Reply, Step, Unary
from funland_gateway.dialects.ollama.durations import KEEP_ALIVE, Stopwatch, read_keep_alive
from funland_gateway.dialects.ollama.names import plain
from funland_gateway.dialects.ollama.options import NUM_CTX, OPTIONS, Options
from funland_gateway.dialects.reading import JsonObject, unsupported
from funland_gateway.dialects.rpcs import GET_MODEL, LIST_DEPLOYMENTS, LOAD_MODEL, UNLOAD_MODEL

RUNNING = ListDeploymentsRequest(states=[Deployment.RUNNING], page_size=1000)
_LEAST_CONTEXT = 16  # the contract's

_NAMES = {
    "model_id": "model",
    "settings.context_length": f"{OPTIONS}.{NUM_CTX}",
    "settings.keep_alive_seconds": KEEP_ALIVE,
}


@dataclass(frozen=True, slots=True)
class Stay:
    """What a request wants of its model's stay in memory; None: nothing is said."""

    context_length: int | None = None
    keep_alive: float | None = None
    """In seconds; -1 for ever."""


def read_stay(body: JsonObject, options: Options) -> Stay:
    """Reads `keep_alive`, beside options that were read."""
    return Stay(options.context_length, read_keep_alive(body))


def load_settings(model: Model, stay: Stay) -> LoadSettings | None:
    """How the model must be loaded for a request; None: as it is, or will be.

    Unasked, a load gives the longest context that the model was trained for and the server allows,
    so only what is known to have less is loaded anew, and with no more than it was trained for.
    """
    settings = LoadSettings()
    if stay.keep_alive is not None:
        settings.keep_alive_seconds = stay.keep_alive
    if stay.context_length is not None:
        wanted = min(stay.context_length, model.context_length or stay.context_length)
        has = _context(model)
        if has is not None and has < wanted:
            settings.context_length = max(wanted, _LEAST_CONTEXT)
    return settings if settings.ListFields() else None


def _context(model: Model) -> int | None:
    if model.HasField("loaded"):
        return model.loaded.context_length
    return model.default_context_length if model.HasField("default_context_length") else None


def model_or_deployment(
    name: str, model: Callable[[Model], Step], deployment: Callable[[], Step]
) -> Unary:
    """Goes on with the model of a name, or with what to do where a deployment that runs has it."""

    def with_deployments(page: ListDeploymentsResponse) -> Step:
        if any(plain(name) in (one.name, one.deployment_id) for one in page.deployments):
            return deployment()
        return Unary(GET_MODEL, GetModelRequest(model_id=plain(name)), model, field_name)

    return Unary(LIST_DEPLOYMENTS, RUNNING, with_deployments)


def in_memory(name: str, stay: Stay, watch: Stopwatch, then: Callable[[], Step]) -> Step:
    """Goes on when the model is in memory as a request wants it. A deployment's is as it is."""
    if stay == Stay():
        return then()

    def with_model(model: Model) -> Step:
        settings = load_settings(model, stay)
        return then() if settings is None else _loaded(model, settings, watch, then)

    return model_or_deployment(name, with_model, then)


def load_or_unload(
    name: str, stay: Stay, watch: Stopwatch, answer: Callable[[str], Reply]
) -> Unary:
    """Loads a model, or unloads it if it is to stay for no time; `answer` takes Ollama's word for
    what was done."""
    unload = stay.keep_alive == 0

    def with_model(model: Model) -> Step:
        if unload:
            request = UnloadModelRequest(model_id=model.model_id)
            return Unary(UNLOAD_MODEL, request, lambda _: answer("unload"), field_name)
        settings = load_settings(model, stay) or LoadSettings()
        return _loaded(model, settings, watch, lambda: answer("load"))

    def with_deployment() -> Reply:
        if unload:
            raise unsupported(KEEP_ALIVE, "a deployment stays in memory until it is stopped.")
        return answer("load")

    return model_or_deployment(name, with_model, with_deployment)


def _loaded(
    model: Model, settings: LoadSettings, watch: Stopwatch, then: Callable[[], Step]
) -> Unary:
    def answer(_: Model) -> Step:
        watch.loaded()
        return then()

    request = LoadModelRequest(model_id=model.model_id, settings=settings)
    return Unary(LOAD_MODEL, request, answer, field_name)


def field_name(path: str) -> str:
    """What requests call the fields of RPCs that name a model."""
    return _NAMES.get(path, path)
