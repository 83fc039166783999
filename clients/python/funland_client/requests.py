"""Builds the contract's requests from Python's own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar

import grpc
from google.protobuf.message import Message as AnyMessage

from funland.v1.errors_pb2 import FieldViolation
from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    ChatRequest,
    DetokenizeRequest,
    EmbedRequest,
    GenerateRequest,
    Message,
    SamplingParameters,
    TokenizeRequest,
)
from funland.v1.models_pb2 import ImportModelRequest, LoadModelRequest, LoadSettings
from funland_client.errors import InvalidRequestError

Filled = TypeVar("Filled", bound=AnyMessage)


class Sampling(TypedDict, total=False):
    """How to choose tokens and when to end; what is left out takes the server's default.

    Ranges and defaults stand at the fields of `funland.v1.SamplingParameters`.
    """

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    frequency_penalty: float
    presence_penalty: float
    repetition_penalty: float
    penalty_window: int
    seed: int
    stop: str | Sequence[str]
    max_tokens: int
    logit_bias: Mapping[int, float]
    ignore_end: bool


class ChatMessage(TypedDict):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


Conversation = str | Sequence[ChatMessage | Message]
"""What `chat` answers: one message of the user, or the whole conversation, oldest first."""


def chat(conversation: Conversation, model: str, sampling: Sampling) -> ChatRequest:
    """Makes a request for `Chat` and `StreamChat`."""
    if isinstance(conversation, str):
        conversation = [ChatMessage(role="user", content=conversation)]
    return ChatRequest(
        model=model,
        messages=[_message(message) for message in conversation],
        sampling=_sampling(sampling),
    )


def generate(prompt: str, model: str, sampling: Sampling) -> GenerateRequest:
    """Makes a request for `Generate` and `StreamGenerate`."""
    return GenerateRequest(model=model, prompt=prompt, sampling=_sampling(sampling))


def generate_batch(
    prompts: Sequence[str | GenerateRequest], model: str, sampling: Sampling
) -> BatchGenerateRequest:
    """Makes a request for `BatchGenerate`; a prompt that is a request already stays as it is."""
    return BatchGenerateRequest(
        requests=[
            prompt if isinstance(prompt, GenerateRequest) else generate(prompt, model, sampling)
            for prompt in prompts
        ]
    )


def embed(texts: str | Sequence[str], model: str) -> EmbedRequest:
    """Makes a request for `Embed`."""
    return EmbedRequest(model=model, inputs=[texts] if isinstance(texts, str) else texts)


def tokenize(text: str, model: str, *, add_special: bool, parse_special: bool) -> TokenizeRequest:
    """Makes a request for `Tokenize`."""
    return TokenizeRequest(
        model=model, text=text, add_special=add_special, parse_special=parse_special
    )


def detokenize(tokens: Sequence[int], model: str) -> DetokenizeRequest:
    """Makes a request for `Detokenize`."""
    return DetokenizeRequest(model=model, tokens=tokens)


def import_file(
    path: str, model_id: str, aliases: Sequence[str], sha256: str
) -> ImportModelRequest:
    """Makes a request for `ImportModel`."""
    return ImportModelRequest(path=path, model_id=model_id, aliases=aliases, sha256=sha256)


def load(
    model_id: str, context_length: int | None, slots: int | None, threads: int | None
) -> LoadModelRequest:
    """Makes a request for `LoadModel`."""
    given = {"context_length": context_length, "slots": slots, "threads": threads}
    settings = _filled(LoadSettings, "settings", given)
    return LoadModelRequest(model_id=model_id, settings=settings)


def _message(message: ChatMessage | Message) -> Message:
    if isinstance(message, Message):
        return message
    return Message(role=Message.Role.Value(message["role"].upper()), content=message["content"])


def _sampling(sampling: Sampling) -> SamplingParameters:
    values: dict[str, Any] = {**sampling}
    if isinstance(values.get("stop"), str):
        values["stop"] = [values["stop"]]
    return _filled(SamplingParameters, "sampling", values)


def _filled(kind: type[Filled], name: str, values: Mapping[str, Any]) -> Filled:
    """Makes a message, field by field, so that a value which it can't hold names its field.

    What the contract's types can't hold is then refused as what its rules forbid is, by the server.
    """
    filled = kind()
    for field, value in values.items():
        try:
            filled.MergeFrom(kind(**{field: value}))
        except ValueError as error:
            wrong = FieldViolation(field=f"{name}.{field}", description=str(error))
            raise InvalidRequestError(
                f"{wrong.field}: {wrong.description}",
                reason="FIELD_INVALID",
                code=grpc.StatusCode.INVALID_ARGUMENT,
                field_violations=[wrong],
            ) from error
    return filled
