"""The `openai` dialect for one deployment alone, as it is spoken at a port of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from funland.v1 import deployments_pb2
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.system_pb2 import PartHealth
from funland_gateway.dialects.dialect import (
    Dialect,
    Incoming,
    JsonSchema,
    KeptForm,
    Reply,
    Route,
    Step,
    Unary,
    json_reply,
)
from funland_gateway.dialects.health import health_word
from funland_gateway.dialects.openai.models import listed, served
from funland_gateway.dialects.openai.other_schemas import DEPLOYMENT_HEALTH
from funland_gateway.dialects.openai.routes import OPENAI
from funland_gateway.dialects.openai.schemas import MODEL, MODEL_LIST
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import GET_DEPLOYMENT_HEALTH, GET_DEPLOYMENT_MODEL
from funland_gateway.failures import CallFailed, failure

_MODELS: Final = "/v1/models"
_BY_QUERY: Final = ("/tokenizer_info",)
"""Where the query names the model; elsewhere it is a part of what is asked for."""
_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment, and the names that calls may use for it."""

    deployment_id: str
    names: Collection[str]
    """None of them empty; the deployment's own name, or its id, first."""

    def check(self, name: str) -> None:
        """Raises `CallFailed` for another model; an empty name means this one."""
        if name and name not in self.names:
            raise _not_here(name, self.names)


def deployed_dialect(deployed: Deployed) -> Dialect:
    """OpenAI's API for a deployment: calls go there, whichever of its names they use, or none. What
    is there of models is about this one, and can't delete it."""
    routes = [_bound(route, deployed) for route in OPENAI.routes if _is_kept(route)]
    return replace(OPENAI, routes=(*routes, *_own_routes(deployed)))


def _is_kept(route: Route) -> bool:
    return not route.path.startswith(_MODELS)


def _own_routes(deployed: Deployed) -> tuple[Route, ...]:
    asked = deployments_pb2.GetDeploymentModelRequest(deployment_id=deployed.deployment_id)
    health = deployments_pb2.GetDeploymentHealthRequest(deployment_id=deployed.deployment_id)

    def list_models(_: Incoming) -> Unary:
        return Unary(GET_DEPLOYMENT_MODEL, asked, _all_names)

    def retrieve_model(incoming: Incoming) -> Unary:
        name = incoming.path["model"]
        deployed.check(name)
        return Unary(GET_DEPLOYMENT_MODEL, asked, lambda told: json_reply(served(told, name)))

    def get_health(_: Incoming) -> Unary:
        return Unary(GET_DEPLOYMENT_HEALTH, health, _health)

    tag = OPENAI.name
    return (
        Route("GET", _MODELS, list_models, "Lists the names of the model.", tag,
              response_schema=MODEL_LIST),
        Route("GET", f"{_MODELS}/{{model}}", retrieve_model, "Gets the model.", tag,
              response_schema=MODEL),
        Route("GET", "/health", get_health, "Tells how the deployment is.", tag,
              response_schema=DEPLOYMENT_HEALTH),
    )  # fmt: skip


def _bound(route: Route, deployed: Deployed) -> Route:
    """A route whose calls name the deployment."""
    in_body = route.request_schema is not None and _names_model(route.request_schema)
    in_query = route.path in _BY_QUERY
    if not (in_body or in_query):
        return route

    def call(incoming: Incoming) -> Any:
        if in_query:
            deployed.check(incoming.query.get("model", ""))
            query = {**incoming.query, "model": deployed.deployment_id}
            return route.call(replace(incoming, query=query))
        if not route.form:
            return route.call(replace(incoming, body=_named(incoming.body, deployed)))
        form = route.call(incoming)
        if not isinstance(form, KeptForm):
            raise TypeError(f"{route.path}: its form names no model")
        return replace(form, call=_bound_form(form, deployed))

    return replace(route, call=call)


def _bound_form(
    form: KeptForm, deployed: Deployed
) -> Callable[[JsonObject, Mapping[str, Sequence[str]]], Step]:
    def call(body: JsonObject, files: Mapping[str, Sequence[str]]) -> Step:
        return form.call(_named(body, deployed), files)

    return call


def _named(body: JsonObject, deployed: Deployed) -> JsonObject:
    deployed.check(body.optional_string("model"))
    return JsonObject({**dict(body.items()), "model": deployed.deployment_id})


def _names_model(schema: JsonSchema) -> bool:
    """Whether a request may name a model."""
    if "model" in schema.get("properties", ()):
        return True
    return any(_names_model(one) for one in schema.get("anyOf", ()))


def _all_names(told: deployments_pb2.DeploymentModel) -> Reply:
    """Its own name, if it has one, and the model's id: as vLLM lists the names that it serves."""
    names = dict.fromkeys((*told.names[1:2], told.model.model_id))
    return listed([served(told, name) for name in names])


def _health(told: deployments_pb2.DeploymentHealth) -> Reply:
    failed = told.state == PartHealth.FAILED
    return json_reply(
        {
            "status": health_word(told.state),
            "message": told.message or None,
            "answering": told.answering,
            "replicas": told.replicas,
            "latency_ms": told.latency_ms if told.HasField("latency_ms") else None,
        },
        _UNAVAILABLE if failed else 200,
    )


def _not_here(name: str, names: Collection[str]) -> CallFailed:
    return failure(
        "NOT_FOUND",
        ErrorReason.MODEL_NOT_FOUND,
        f"Model {name[:200]!r} is not answered at this port, which is for {next(iter(names))!r}.",
        model=name[:512],
    )
