"""A sequence as a request to vLLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland.v1.inference_pb2 import GenerationOptions, OutputFormat, Speculation
from funland.worker.v1.worker_pb2 import Conversation, Submit
from funland_server.vllm.arguments import SERVED_NAME
from funland_server.vllm.conversations import chat, json_of, of_message
from funland_server.vllm.sampling import sampling
from funland_server.vllm.speech import Speech
from funland_server.vllm.unsupported import unsupported
from funland_server.workers.errors import ModelCannotChatError, ModelCannotGenerateError

CHAT: Final = "/v1/chat/completions"
COMPLETION: Final = "/v1/completions"
_PRIORITIES: Final = {GenerationOptions.HIGH: -1, GenerationOptions.LOW: 1}
"""The lower, the sooner; all others are 0."""


@dataclass(frozen=True, slots=True)
class Served:
    """The model that a process serves."""

    model_id: str
    context_length: int
    can_chat: bool
    can_generate: bool
    end_tokens: tuple[int, ...]
    speech: Speech


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for a sequence, and what of the answer counts."""

    path: str
    body: Mapping[str, Any]
    texts: int
    """How many it makes."""
    top_logprobs: int | None
    """How many of the likeliest are told beside each chosen token; None: nothing is."""
    prompt_logprobs: int | None
    """The same of the prompt's."""
    makes_none: bool
    """Whether the prompt alone counts: vLLM makes a token all the same."""
    formatted: bool
    """Whether its texts have a form."""

    @property
    def streams(self) -> bool:
        """Whether it is told as it comes."""
        return bool(self.body.get("stream"))

    @property
    def chats(self) -> bool:
        """Whether the answer is a message."""
        return self.path == CHAT


def request(submit: Submit, served: Served) -> Request:
    """What to send.

    Raises:
        ModelCannotGenerateError, ModelCannotChatError: The model is not for that.
        EngineUnsupportedError: vLLM can't do what is asked for.
        FieldInvalidError, ConstraintInvalidError: A field is not what it must be.
    """
    if not served.can_generate:
        raise ModelCannotGenerateError(
            f"Model {served.model_id!r} writes no text; vLLM serves it for embeddings.",
            model=served.model_id,
        )
    options, wanted = submit.options, submit.sampling
    _refuse(submit)
    conversation = _conversation(submit, served)
    top = options.top_logprobs if options.HasField("top_logprobs") else None
    of_prompt = options.prompt_logprobs if options.HasField("prompt_logprobs") else None
    body: dict[str, Any] = {
        "model": SERVED_NAME,
        "n": options.n or 1,
        "priority": _PRIORITIES.get(options.priority, 0),
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
        **sampling(
            wanted,
            texts=options.n or 1,
            context_length=served.context_length,
            end_tokens=served.end_tokens,
        ),
    }
    if conversation is not None:
        body |= chat(conversation, served.speech)
        if top is not None:
            body |= {"logprobs": True, "top_logprobs": top}
    else:
        body["prompt"] = _prompt(submit)
        if top is not None:
            body["logprobs"] = top
    if options.HasField("last_prompt_tokens"):
        body |= _last(options.last_prompt_tokens, served.context_length)
    if structure := _structure(submit.format):
        body["structured_outputs"] = structure
    if of_prompt is None:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    else:  # which it tells in whole answers alone
        body["prompt_logprobs"] = of_prompt
    return Request(
        path=COMPLETION if conversation is None else CHAT,
        body=body,
        texts=body["n"],
        top_logprobs=top,
        prompt_logprobs=of_prompt,
        makes_none=wanted.HasField("max_tokens") and wanted.max_tokens == 0,
        formatted=bool(structure),
    )


def _refuse(submit: Submit) -> None:
    """What it has no word for."""
    options = submit.options
    if submit.suffix:
        raise unsupported("suffix", "it continues texts alone")
    if options.adapters:
        raise unsupported("options.adapters", "adapters are not given to it")
    if options.speculation.method not in (Speculation.METHOD_UNSPECIFIED, Speculation.NONE):
        raise unsupported("options.speculation", "how it guesses is set when it starts")
    if submit.conversation.continue_last and submit.format.WhichOneof("format"):
        raise unsupported(
            "format", "with continue_last it would bind what follows alone, not both together"
        )


def _conversation(submit: Submit, served: Served) -> Conversation | None:
    """What is answered; None: a prompt is continued."""
    match submit.WhichOneof("input"):
        case "conversation" if not served.can_chat:
            raise ModelCannotChatError(
                f"Model {served.model_id!r} has no chat template; it can continue text.",
                model=served.model_id,
            )
        case "conversation":
            return submit.conversation
        case "message" if served.can_chat:
            return of_message(submit.message)
        case _:
            return None


def _prompt(submit: Submit) -> str | list[int]:
    if submit.WhichOneof("input") == "tokens":
        return list(submit.tokens.tokens)
    return submit.prompt or submit.message


def _last(count: int, context_length: int) -> dict[str, Any]:
    """Of a prompt its last tokens, with room for one of the answer."""
    kept = context_length - 1
    return {
        "truncate_prompt_tokens": kept if count < 0 else min(count, kept),
        "truncation_side": "left",
    }


def _structure(wanted: OutputFormat) -> dict[str, Any]:
    match wanted.WhichOneof("format"):
        case "json_object":
            return {"json_object": True}
        case "json_schema":
            return {"json": json_of(wanted.json_schema, "format.json_schema")}
        case "grammar":
            return {"grammar": wanted.grammar}
        case "regex":
            return {"regex": wanted.regex}
        case _:
            return {}
