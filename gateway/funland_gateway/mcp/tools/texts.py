"""Tools that have a language model work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatResponse, EmbedResponse, GenerateResponse, GenerationEvent
from funland_gateway.dialects.rpcs import (
    CHAT,
    EMBED,
    GENERATE,
    RERANK,
    STREAM_CHAT,
    STREAM_GENERATE,
)
from funland_gateway.dialects.waits import loading_text, prefill_text
from funland_gateway.failures import failure
from funland_gateway.mcp.fields import Field, fields
from funland_gateway.mcp.tool import LOOKS, Content, Progress, Tool, text_content

_MODEL: Final = Field(
    "model",
    description="The model's id, alias or source; list_models tells them. Empty: the default one.",
)
_SAMPLING: Final = fields(
    Field(
        "sampling.max_tokens",
        description="Make at most this many tokens. Unset: until the model ends or its context is"
        " full.",
    ),
    "sampling.temperature",
    "sampling.top_p",
    "sampling.top_k",
    "sampling.seed",
    "sampling.stop",
    Field(
        "format.json_schema",
        description="A JSON Schema, as text, that the answer is held to: it can't be other JSON.",
    ),
)
_TOOK: Final = fields("finish_reason", "usage.prompt_tokens", "usage.completion_tokens")
_PROGRESS: Final = {"options.progress": True}


class _Writing:
    """The parts of one text, as they come."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.model = ""
        self._length = 0
        self._finish: Any = None

    def see(self, event: GenerationEvent) -> Progress | None:
        """See `Gathering`."""
        kind = event.WhichOneof("event")
        if kind == "loading":
            return Progress(loading_text(event.loading))
        if kind == "prefill":
            return Progress(prefill_text(event.prefill))
        if kind == "queued":
            return Progress(f"queued {event.queued.position}")
        if kind == "start":
            self.model = event.start.model
        elif kind == "finish":
            self._finish = event.finish
        elif kind == "delta":
            self.text.append(event.delta.text)
            self.reasoning.append(event.delta.reasoning)
            self._length += len(event.delta.text) + len(event.delta.reasoning)
            return Progress(f"written {self._length} characters")
        return None

    def finish(self) -> Any:
        """How it ended; raises `CallFailed` if it did not."""
        if self._finish is None:
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")
        return self._finish


class _Chatting(_Writing):
    def response(self) -> ChatResponse:
        """See `Gathering`."""
        finish = self.finish()
        made = ChatResponse(
            model=self.model,
            finish_reason=finish.reason,
            usage=finish.usage,
            timings=finish.timings,
        )
        made.message.content = "".join(self.text)
        made.message.reasoning = "".join(self.reasoning)
        return made


class _Continuing(_Writing):
    def response(self) -> GenerateResponse:
        """See `Gathering`."""
        finish = self.finish()
        return GenerateResponse(
            model=self.model,
            text="".join(self.text),
            finish_reason=finish.reason,
            usage=finish.usage,
            timings=finish.timings,
        )


def _chatting(_: Message) -> _Chatting:
    return _Chatting()


def _continuing(_: Message) -> _Continuing:
    return _Continuing()


def _vectors(response: EmbedResponse, _: Mapping[str, Any]) -> list[Content]:
    """No model reads numbers by the thousand; programs have them beside this."""
    length = len(response.embeddings[0].values)
    count = len(response.embeddings)
    return [text_content(f"{count} vectors of {length} values, in the structured content.")]


def _text(_: Any, told: Mapping[str, Any]) -> list[Content]:
    return [text_content(told["text"])]


TEXTS: Final = (
    Tool(
        "chat",
        "Chat with a local model",
        "Has a language model on this machine answer a conversation. Give all messages so far, the"
        " oldest first; a message of role SYSTEM instructs the model. Nothing is kept.",
        STREAM_CHAT,
        (
            Field("messages", only=("role", "content")),
            _MODEL,
            *_SAMPLING,
            Field("reasoning", "think"),
            *fields("drop_oldest"),
        ),
        (
            Field("message.content", "text"),
            Field("message.reasoning", "reasoning"),
            *fields("model"),
            *_TOOK,
        ),
        LOOKS,
        fixed=_PROGRESS,
        gathers=_chatting,
        gathered=CHAT.output_type,
        content=_text,
    ),
    Tool(
        "generate",
        "Continue a text with a local model",
        "Has a language model on this machine go on with a text as it is, without a chat template."
        " For questions and instructions take chat.",
        STREAM_GENERATE,
        (Field("prompt", must=True), _MODEL, *_SAMPLING),
        (*fields("text", "model"), *_TOOK),
        LOOKS,
        fixed=_PROGRESS,
        gathers=_continuing,
        gathered=GENERATE.output_type,
        content=_text,
    ),
    Tool(
        "embed",
        "Turn texts into vectors",
        "Turns texts into vectors that are close where meanings are close, to compare or search"
        " texts by.",
        EMBED,
        (Field("inputs", must=True), _MODEL, *fields("dimensions", "normalize")),
        (
            Field("embeddings", only=("values",)),
            *fields("model", "usage.prompt_tokens"),
        ),
        LOOKS,
        content=_vectors,
    ),
    Tool(
        "rerank",
        "Order texts by how well they answer a query",
        "Orders documents by how well they answer a query, the best first, each with a score from"
        " 0 to 1 and its place in the request.",
        RERANK,
        (*fields("query", "documents"), _MODEL, *fields("top_n")),
        (Field("results", only=("index", "score")), *fields("model", "usage.prompt_tokens")),
        LOOKS,
    ),
)
