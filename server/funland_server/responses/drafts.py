"""A response while it is made: what it has of its request, and what comes of the model."""

from __future__ import annotations

import uuid

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import ChatRequest, Finish, GenerationEvent
from funland.v1.responses_pb2 import CreateResponseRequest, Response, ResponseEvent
from funland_server.inference.steps import Steps
from funland_server.inference.texts import Text


class Draft:
    """A response that is being made."""

    def __init__(self, request: CreateResponseRequest, model: str = "") -> None:
        """`model` is the id of the model that will answer, if it is known already."""
        self.response = _begun(request, model)
        """As it stands, without its answer."""
        self._text = Text()
        self._steps = Steps()

    def take(self, event: GenerationEvent) -> ResponseEvent | None:  # noqa: PLR0911 - one for each kind
        """Takes the model's next event, and gives what callers are told of it."""
        match event.WhichOneof("event"):
            case "start":
                self.response.model = event.start.model
                return ResponseEvent(created=self.response)
            case "queued":
                return ResponseEvent(queued=event.queued)
            case "loading":
                return ResponseEvent(loading=event.loading)
            case "prefill":
                return ResponseEvent(prefill=event.prefill)
            case "delta":
                self.response.state = Response.IN_PROGRESS
                self._text.add(event.delta)
                return ResponseEvent(delta=event.delta)
            case "tool_step":
                self._steps.take(event.tool_step, self._text)
                return ResponseEvent(tool_step=event.tool_step)
            case "finish":
                self._text.finish = event.finish
            case _:
                pass
        return None

    def completed(self) -> Response:
        """The whole response, when the model's last event has come."""
        finish = self._text.finish
        cut_off = finish.reason == Finish.LENGTH
        response = self._ended(Response.INCOMPLETE if cut_off else Response.COMPLETED)
        response.usage.CopyFrom(finish.usage)
        response.timings.CopyFrom(finish.timings)
        response.finish_reason = finish.reason
        return response

    def cancelled(self) -> Response:
        """The response with what was written of it."""
        return self._ended(Response.CANCELLED)

    def failed(self, error: Error) -> Response:
        """The response with what was written of it, and why there is no more."""
        response = self._ended(Response.FAILED)
        response.error.CopyFrom(error)
        return response

    def _ended(self, state: Response.State.ValueType) -> Response:
        response = Response()
        response.CopyFrom(self.response)
        response.state = state
        response.output.CopyFrom(self._text.message)
        response.logprobs.extend(self._text.logprobs)
        response.steps.extend(self._steps.steps)
        response.step_messages.extend(self._steps.messages)
        return response


def without_messages(chat: ChatRequest) -> ChatRequest:
    """A chat's parameters."""
    rest = ChatRequest()
    rest.CopyFrom(chat)
    rest.ClearField("messages")
    return rest


def _begun(request: CreateResponseRequest, model: str) -> Response:
    response = Response(
        response_id=f"resp_{uuid.uuid4().hex}",
        state=Response.QUEUED if request.background else Response.IN_PROGRESS,
        model=model,
        previous_response_id=request.previous_response_id,
        instructions=request.instructions,
        request=without_messages(request.chat),
        metadata=request.metadata,
        stored=request.store if request.HasField("store") else True,
        background=request.background,
        collection=request.collection,
    )
    response.create_time.GetCurrentTime()
    return response
