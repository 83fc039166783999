"""What OpenAI's requests have in common: sampling, texts, and parameters that Funland refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from funland_gateway.dialects.reading import JsonObject, malformed, missing, unsupported
from funland_gateway.dialects.sampling import Sampling, read_sampling

SAMPLING: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logit_bias": "logit_bias",
    "seed": "seed",
    "stop": "stop",
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    # Not OpenAI's: what clients of llama-server and vLLM send beside them.
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "repeat_penalty": "repetition_penalty",
    "repeat_last_n": "penalty_window",
    "ignore_eos": "ignore_end",
}
"""The contract's names of the sampling parameters by the names that requests use."""

Refusals = Mapping[str, Callable[[Any], bool]]
"""By parameter: whether a value asks for something that Funland does not do."""


def _anything(value: Any) -> bool:
    return bool(value)


def _whatever(_value: Any) -> bool:
    return True


REFUSALS: Final[Refusals] = {
    # Not OpenAI's: vLLM's.
    "min_tokens": _anything,
    "timings_per_token": _anything,  # llama-server's
    "prompt_logprobs": _whatever,  # 0 asks for those of the prompt's own tokens
}
"""For every request that makes text."""

CHAT_REFUSALS: Final[Refusals] = {
    **REFUSALS,
    "audio": _anything,
    "modalities": lambda value: value != ["text"],
    "web_search_options": _whatever,  # an empty object asks for it too
}

COMPLETION_REFUSALS: Final[Refusals] = {**REFUSALS, "store": _anything, "suffix": _anything}


def refuse(body: JsonObject, refusals: Refusals) -> None:
    """Fails with PARAMETER_UNSUPPORTED on the first parameter whose value can't be honoured.

    Passing over it would give another answer than the one that was asked for.
    """
    for name, asks in refusals.items():
        value = body.raw(name)
        if value is not None and asks(value):
            raise unsupported(body.path_of(name), "this value is not supported yet.")


def read_openai_sampling(body: JsonObject) -> Sampling:
    """Reads the sampling parameters. OpenAI's seed is any 64-bit integer: it is folded to 32."""
    sampling = read_sampling(body, SAMPLING)
    if sampling.parameters.HasField("seed"):
        sampling.parameters.seed &= 0xFFFFFFFF
    return sampling


def texts(body: JsonObject, name: str) -> list[str]:
    """A text or a list of texts. OpenAI takes tokens too, Funland does not."""
    value = body.raw(name)
    path = body.path_of(name)
    if value is None:
        raise missing(path)
    if isinstance(value, list) and any(_is_tokens(item) for item in cast("list[Any]", value)):
        raise unsupported(path, "send text; tokens are not supported.")
    if not isinstance(value, str | list):
        raise malformed(path, "a string or a list of strings")
    return body.strings(name)


def _is_tokens(item: object) -> bool:
    return isinstance(item, int | list) and not isinstance(item, bool)


def read_metadata(body: JsonObject) -> dict[str, str]:
    """What is to be kept with an answer."""
    values = body.object("metadata")
    return {name: values.string(name) for name, _ in values.items()} if values is not None else {}


def wants_usage(body: JsonObject) -> bool:
    """Whether a stream is to end with a chunk that tells its usage."""
    options = body.object("stream_options")
    return options is not None and bool(options.boolean("include_usage"))
