"""Chats and completions of a deployment: OpenAI's, in this API's envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import orjson
from google.protobuf.message import Message

from funland.v1 import deployments_pb2, inference_pb2
from funland_gateway.dialects.dialect import Incoming, Named, Reply, Streaming, Together, Unary
from funland_gateway.dialects.manager.answers import done
from funland_gateway.dialects.manager.deployed import model_id
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import GET_DEPLOYMENT

UNREAD: Final = ("model", "store", "metadata")
"""What OpenAI's requests have and these don't: the path says who answers, and nothing is kept."""

Call = Unary | Streaming | Together


def chat(incoming: Incoming) -> Unary:
    """Reads a chat request."""
    return _answered(incoming, create_chat_completion(_readable(incoming)))


def complete(incoming: Incoming) -> Unary:
    """Reads a completion request."""
    return _answered(incoming, create_completion(_readable(incoming)))


def _readable(incoming: Incoming) -> Incoming:
    kept = {name: value for name, value in incoming.body.items() if name not in UNREAD}
    return replace(incoming, body=JsonObject(kept))


def _answered(incoming: Incoming, call: Call) -> Unary:
    """Asks for the deployment first: there must be one, and its model has the name it was given."""
    request = deployments_pb2.GetDeploymentRequest(deployment_id=incoming.path["deployment_id"])

    def answer(deployment: deployments_pb2.Deployment) -> Call:
        return _by(deployment, incoming, call)

    return Unary(GET_DEPLOYMENT, request, answer)


def _by(deployment: deployments_pb2.Deployment, incoming: Incoming, call: Call) -> Call:
    """The call, answered by a deployment and under its model's name."""
    if isinstance(call, Together):
        return Together(tuple(_streamed(deployment, part) for part in call.parts))
    if isinstance(call, Streaming):
        return _streamed(deployment, call)
    _address(call.message, deployment)

    def answer(response: Any) -> Reply:
        reply = call.answer(response)
        if not isinstance(reply, Reply):
            raise TypeError("what is not kept is answered by one call")
        return done(incoming, {**orjson.loads(reply.content), "model": model_id(deployment)})

    return replace(call, answer=answer)


def _streamed(deployment: deployments_pb2.Deployment, call: Streaming) -> Streaming:
    _address(call.message, deployment)
    return replace(call, events=_named(model_id(deployment), call.events))


def _named(
    name: str, events: Callable[[Any], Iterable[bytes | Named]]
) -> Callable[[Any], Iterable[bytes | Named]]:
    """The same chunks, with another name for the model."""

    def told(event: inference_pb2.GenerationEvent) -> Iterable[bytes | Named]:
        if event.WhichOneof("event") == "start":
            begun = inference_pb2.GenerationEvent()
            begun.CopyFrom(event)
            begun.start.model = name
            event = begun
        return events(event)

    return told


def _address(message: Message, deployment: deployments_pb2.Deployment) -> None:
    """Says who is to answer a request, or each request of a batch."""
    requests = (
        message.requests if isinstance(message, inference_pb2.BatchGenerateRequest) else [message]
    )
    for request in requests:
        if isinstance(request, inference_pb2.ChatRequest | inference_pb2.GenerateRequest):
            request.model = deployment.deployment_id
