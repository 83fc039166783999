"""What the `scheduler` dialect tells of a text that a model wrote."""

from __future__ import annotations

from typing import Any

from funland.v1.inference_pb2 import ChatResponse, GenerateResponse, Timings


def generated(response: GenerateResponse | ChatResponse) -> dict[str, Any]:
    """A text, with what was thought before it where a model tells that."""
    text, reasoning = (
        (response.message.content, response.message.reasoning)
        if isinstance(response, ChatResponse)
        else (response.text, response.reasoning)
    )
    return {
        "text": text,
        **thinking(reasoning),
        "tokens": response.usage.completion_tokens,
        "model": response.model,
        "execution_time_ms": milliseconds(response.timings),
    }


def thinking(reasoning: str) -> dict[str, str]:
    """What the document does not know, under Ollama's name, and only from models that think."""
    return {"thinking": reasoning} if reasoning else {}


def milliseconds(timings: Timings) -> int:
    """What was computed, without what it waited before."""
    return round(timings.prompt_ms + timings.decode_ms)
