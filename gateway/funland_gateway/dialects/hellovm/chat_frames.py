"""What is told of a session: in answers, in server-sent events and over the WebSocket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Loading, Message
from funland.v1.sessions_pb2 import Session, SessionEvent, SessionMessage
from funland_gateway.dialects.hellovm.errors import ENVELOPE, error_body
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.times import moment

_CONFIG: Final = ("temperature", "top_p", "top_k", "max_tokens")


def session_data(session: Session) -> dict[str, Any]:
    """A session; `config` as far as it was set."""
    sampling = session.sampling
    return {
        "session_id": session.session_id,
        "model_id": session.model,
        "device_id": session.device_ids[0] if session.device_ids else None,
        "status": "active",
        "created_at": moment(session, "create_time"),
        "config": {
            **{name: _number(optional(sampling, name)) for name in _CONFIG},
            "system_prompt": session.system_message or None,
        },
        "message_count": session.message_count,
    }


def _number(value: float | None) -> float | None:
    """As it was said: the contract keeps fractions in 32 bits."""
    return round(value, 6) if isinstance(value, float) else value


def message_data(message: SessionMessage) -> dict[str, Any]:
    """A message; what it took as it was measured, and null for one that nobody computed."""
    timings = message.timings
    seconds = (timings.prompt_ms + timings.decode_ms) / 1000
    return {
        "message_id": message.message_id,
        "session_id": message.session_id,
        "role": Message.Role.Name(message.message.role).lower(),
        "content": message.message.content,
        "tokens": message.usage.completion_tokens if message.HasField("usage") else None,
        "inference_time": round(seconds, 6) if message.HasField("timings") else None,
        "device_used": ",".join(message.device_ids) or None,
        "timestamp": moment(message, "create_time"),
    }


def frames(event: SessionEvent) -> Iterator[dict[str, Any]]:
    """What a client is told of an event: one message, or none; `rejected` is its own business."""
    head = {"number": event.number} if event.number else {}
    head |= {"message_id": event.message_id} if event.message_id else {}
    head |= {"reference": event.reference} if event.reference else {}
    match event.WhichOneof("event"):
        case "session":
            yield {"type": "session", **head, "data": session_data(event.session)}
        case "message":
            state = SessionMessage.State.Name(event.message.state).lower()
            data = message_data(event.message)
            yield {"type": "message", **head, "status": state, **_why(event.message), "data": data}
        case "delta":
            if event.delta.text or event.delta.reasoning:
                thinking = event.delta.reasoning
                thought = {"thinking": thinking} if thinking else {}
                yield {"type": "delta", **head, "content": event.delta.text, **thought}
        case "loading":
            stage = Loading.Stage.Name(event.loading.stage).lower()
            fraction = optional(event.loading, "fraction")
            yield {"type": "loading", **head, "stage": stage, "fraction": fraction}
        case "queued":
            yield {"type": "queued", **head, "position": event.queued.position}
        case "prefill":
            done, total = event.prefill.done, event.prefill.total
            yield {"type": "prefill", **head, "done": done, "total": total}
        case "deleted":
            yield {"type": "deleted", **head}
        case _:
            pass


def _why(message: SessionMessage) -> dict[str, Any]:
    """Why it failed, as the body of an HTTP error says it."""
    return {"error": error_body(message.error, 0)["error"]} if message.HasField("error") else {}


def failure_frame(error: Error) -> dict[str, Any]:
    """A failure, as that of an HTTP request with a type."""
    told: Any = ENVELOPE.failure(error)
    return {"type": "error", **told}
