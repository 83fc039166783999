"""vLLM's refusals in the server's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from funland_server.errors import FunlandError
from funland_server.vllm.http import RefusedError
from funland_server.vllm.requests import Request, Served
from funland_server.vllm.unsupported import unsupported
from funland_server.workers.errors import (
    ConstraintInvalidError,
    PromptTooLongError,
    QueueFullError,
    TemplateFailedError,
    TokenUnknownError,
)
from funland_server.workers.failures import WorkerDefectError

_TOO_LONG: Final = re.compile(r"maximum context length|max_tokens must be at least 1, got 0")
"""The other is what it says where the prompt leaves no room for an answer."""
_UNKNOWN_TOKEN: Final = re.compile(r"out[ -]of[ -]vocab")
_FORM: Final = re.compile(r"[Gg]rammar|[Rr]egex|[Ss]chema|structured|additionalProperties")
_PARAMETER: Final = re.compile(r"\s*\(parameter=.*\)$", re.DOTALL)
_TOKENS: Final[Mapping[str, str]] = {
    "logit_bias": "sampling.logit_bias",
    "allowed_token_ids": "sampling.allowed_tokens",
    "stop_token_ids": "sampling.stop_tokens",
}
"""The contract's names of fields with tokens."""
_TOO_MANY, _BROKEN, _MISSING = 429, 500, 501
_OURS: Final = (401, 403, 404)
"""What no request of ours should meet."""
_WORDS: Final = 500


def too_long(refused: RefusedError) -> bool:
    """Whether the prompt does not fit; how long it is vLLM does not find out."""
    return bool(_TOO_LONG.search(_said(refused)))


def prompt_too_long(served: Served, tokens: int | None = None) -> FunlandError:
    """The error for a prompt of so many tokens; None: nobody has counted them."""
    count = "too many tokens" if tokens is None else f"{tokens} tokens"
    counted = {} if tokens is None else {"prompt_tokens": str(tokens)}
    return PromptTooLongError(
        f"The prompt has {count}: the context holds {served.context_length}, the answer included."
        " Shorten it, or deploy the model with a larger `max_model_len`.",
        model=served.model_id,
        context_length=str(served.context_length),
        **counted,
    )


def refusal(refused: RefusedError, served: Served, sent: Request | None = None) -> Exception:
    """The error that the caller gets whose request was refused."""
    said = _PARAMETER.sub("", _said(refused))[:_WORDS]
    model, status = served.model_id, refused.status
    if status == _TOO_MANY:
        return QueueFullError(f"vLLM takes no more calls now: {said}", model=model)
    if status in _OURS or (status >= _BROKEN and status != _MISSING):
        return WorkerDefectError(f"vLLM answered {status}: {said}")
    return _request_refused(refused, served, sent, said)


def _request_refused(
    refused: RefusedError, served: Served, sent: Request | None, said: str
) -> FunlandError:
    """The error for a request that is not as vLLM wants it."""
    model = served.model_id
    if too_long(refused):
        return prompt_too_long(served)
    if _UNKNOWN_TOKEN.search(said):
        field = _TOKENS.get(str(refused.error.get("param")), "prompt_tokens")
        return TokenUnknownError(said, field, model=model)
    bound = sent is not None and (sent.formatted or "tools" in sent.body)
    if bound and _FORM.search(said):
        return ConstraintInvalidError(
            f"The format, or a function's, can't be compiled: {said}", model=model
        )
    if sent is not None and sent.chats and refused.error.get("param") is None:
        # What a template says when it refuses may be anything; other refusals name a parameter.
        return TemplateFailedError(
            f"The model's chat template refuses these messages: {said}", model=model
        )
    feature = _feature(refused.error)
    return unsupported(feature, said or f"it answered {refused.status}", model=model)


def _feature(error: Mapping[str, Any]) -> str:
    return str(error.get("param") or "call").removeprefix("body.")


def _said(refused: RefusedError) -> str:
    return str(refused.error.get("message") or "")
