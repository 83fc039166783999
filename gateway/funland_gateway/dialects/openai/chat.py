"""`/v1/chat/completions`: OpenAI's chat as `Chat` and `StreamChat`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.openai.answers import (
    SYSTEM_FINGERPRINT,
    Chunks,
    ChunkShape,
    usage,
)
from funland_gateway.dialects.openai.parameters import (
    CHAT_REFUSALS,
    read_openai_sampling,
    refuse,
    wants_usage,
)
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported
from funland_gateway.dialects.rpcs import CHAT, STREAM_CHAT

_ID_PREFIX: Final = "chatcmpl-"

_ROLES: Final = {
    "system": inference_pb2.Message.SYSTEM,
    "developer": inference_pb2.Message.SYSTEM,
    "user": inference_pb2.Message.USER,
    "assistant": inference_pb2.Message.ASSISTANT,
}


def create_chat_completion(incoming: Incoming) -> Unary | Streaming:
    """Reads a chat request."""
    body = incoming.body
    refuse(body, CHAT_REFUSALS)
    sampling = read_openai_sampling(body)
    request = inference_pb2.ChatRequest(
        model=body.optional_string("model"),
        messages=[_message(message) for message in body.objects("messages")],
        sampling=sampling.parameters,
    )
    if body.boolean("stream"):
        chunks = Chunks(_CHUNKS, incoming.time, wants_usage(body))
        return Streaming(STREAM_CHAT, request, chunks.of, sampling.field_name)
    return Unary(CHAT, request, partial(_completion, incoming.time), sampling.field_name)


def _message(message: JsonObject) -> inference_pb2.Message:
    name = message.string("role")
    role = _ROLES.get(name)
    if role is None:
        if name in ("tool", "function"):
            raise unsupported(message.path_of("role"), "tools are not supported yet.")
        raise invalid(message.path_of("role"), f"must be one of {', '.join(_ROLES)}")
    if message.raw("tool_calls"):
        raise unsupported(message.path_of("tool_calls"), "tools are not supported yet.")
    return inference_pb2.Message(role=role, content=_content(message))


def _content(message: JsonObject) -> str:
    content = message.raw("content")
    if content is None:
        raise missing(message.path_of("content"))
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise malformed(message.path_of("content"), "a string or a list of parts")
    # A line each, as llama-server and vLLM join them.
    return "\n".join(_part(part) for part in message.objects("content"))


def _part(part: JsonObject) -> str:
    kind = part.string("type")
    if kind != "text":
        raise unsupported(part.path_of("type"), f"only text is supported, not {kind[:64]!r}.")
    return part.string("text")


def _completion(created: int, response: inference_pb2.ChatResponse) -> Reply:
    return json_reply(
        {
            "id": _ID_PREFIX + response.id,
            "object": "chat.completion",
            "created": created,
            "model": response.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": response.message.content,
                        "refusal": None,
                    },
                    "logprobs": None,
                    "finish_reason": FINISH_REASONS[response.finish_reason],
                }
            ],
            "usage": usage(response.usage),
        }
    )


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


_CHUNKS: Final = ChunkShape(
    id_prefix=_ID_PREFIX,
    object_name="chat.completion.chunk",
    first=_choice({"role": "assistant", "content": ""}),
    text=lambda text: _choice({"content": text}),
    last=lambda reason: _choice({}, reason),
)
