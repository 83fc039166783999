"""How vLLM is told to choose tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from funland.v1.inference_pb2 import SamplingParameters
from funland_server.vllm.unsupported import unsupported

_DEFAULTS: Final[dict[str, float]] = {
    "temperature": 0.8,
    "top_p": 0.95,
    "top_k": 40,
    "min_p": 0.05,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "repetition_penalty": 1.0,
}
"""The contract's: vLLM's own are others. Both call them alike."""
_NEUTRAL: Final = {"frequency_penalty": 0.0, "presence_penalty": 0.0, "repetition_penalty": 1.0}
_RENAMED: Final = {
    "seed": "seed",
    "ignore_end": "ignore_eos",
    "min_tokens": "min_tokens",
    "include_stop": "include_stop_str_in_output",
    "stop": "stop",
    "stop_tokens": "stop_token_ids",
    "banned_texts": "bad_words",
}


def sampling(
    wanted: SamplingParameters, *, texts: int, context_length: int, end_tokens: Sequence[int]
) -> dict[str, Any]:
    """The fields of a request.

    Args:
        wanted: What the call asks for.
        texts: How many it makes.
        context_length: The most tokens that vLLM takes as a limit.
        end_tokens: Those that end the model's texts.

    Raises:
        EngineUnsupportedError: It asks for what vLLM can't do.
    """
    told: dict[str, Any] = {
        name: plain(getattr(wanted, name)) if wanted.HasField(name) else default  # type: ignore[arg-type]  # fields of the message
        for name, default in _DEFAULTS.items()
    }
    if wanted.HasField("penalty_window") and any(told[name] != _NEUTRAL[name] for name in _NEUTRAL):
        raise unsupported("sampling.penalty_window", "its penalties look at all of a text")
    if told["top_p"] == 0:  # the likeliest alone, which vLLM has another word for
        told |= {"top_p": 1, "top_k": 1}
    if told["temperature"] == 0 and texts > 1:  # of which it makes one, unless it is told so
        told |= {"temperature": 1, "top_k": 1}
    for name, its in _RENAMED.items():
        value = getattr(wanted, name)
        if value:
            told[its] = value if isinstance(value, (int, str)) else list(value)
    if wanted.HasField("seed"):  # 0 is one too
        told["seed"] = wanted.seed
    if wanted.logit_bias:
        told["logit_bias"] = {
            str(token): plain(bias) for token, bias in sorted(wanted.logit_bias.items())
        }
    if wanted.allowed_tokens:  # the contract's are those and the end marks
        told["allowed_token_ids"] = sorted({*wanted.allowed_tokens, *end_tokens})
    limit = wanted.max_tokens if wanted.HasField("max_tokens") else context_length
    # It makes at least one; who wants none gets none told. A limit beyond the context is refused,
    # one that is beyond what the prompt leaves of it is not.
    told["max_tokens"] = min(max(limit, 1), context_length)
    return told


def plain(value: float) -> float:
    """A number as it was meant: 0.8 where 32 bits have 0.800000011920929."""
    return value if isinstance(value, int) else float(f"{value:.7g}")
