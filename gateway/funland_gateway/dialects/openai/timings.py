"""What a call took and how far it is, as llama-server tells them, and where it was computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from funland.v1 import inference_pb2

Timed = inference_pb2.ChatResponse | inference_pb2.GenerateResponse | inference_pb2.Finish
"""What tells how many tokens were made, and how long it took."""


def timings_of(timed: Timed) -> dict[str, Any]:
    """llama-server's `timings`, in milliseconds; nothing if they are not known."""
    if not timed.HasField("timings"):
        return {}
    return {"timings": _timings(timed.usage, timed.timings)}


def devices_of(device_ids: Iterable[str]) -> dict[str, Any]:
    """`device_used`, the ids of the devices that computed, parted by commas; nothing if they have
    none. OpenAI's own API has no word for it."""
    used = ",".join(device_ids)
    return {"device_used": used} if used else {}


def _timings(tokens: inference_pb2.Usage, took: inference_pb2.Timings) -> dict[str, Any]:
    computed = tokens.prompt_tokens - tokens.cached_prompt_tokens
    return {
        "cache_n": tokens.cached_prompt_tokens,
        **_speed("prompt", computed, took.prompt_ms),
        **_speed("predicted", tokens.completion_tokens, took.decode_ms),
    }


def _speed(name: str, tokens: int, ms: float) -> dict[str, Any]:
    return {
        f"{name}_n": tokens,
        f"{name}_ms": ms,
        f"{name}_per_token_ms": ms / tokens if tokens else None,
        f"{name}_per_second": 1e3 * tokens / ms if ms else None,
    }


def progress_of(prefill: inference_pb2.Prefill) -> dict[str, Any]:
    """llama-server's `prompt_progress`."""
    return {
        "total": prefill.total,
        "cache": prefill.cached,
        "processed": prefill.done,
        "time_ms": prefill.elapsed_ms,
    }
