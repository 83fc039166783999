"""Text that a stranger wrote, made fit for a model's prompt, a log or an answer: no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_WORDS: Final = (
    "s|bos|eos|pad|unk|start_of_turn|end_of_turn|tool_call|tool_calls|tool_response|tool_response_end"
    "|tool_outputs|think|thinking|im_start|im_end|start_header_id|end_header_id|eot_id"
)
_SQUARE: Final = (
    "INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|SYSTEM_PROMPT|THINK|CALL_ID"
    "|IMG|gMASK|sop"
)
_MARKS: Final = re.compile(
    rf"<(?=[|\uff5c]|/?(?:{_WORDS})>)|\[(?=/?(?:{_SQUARE})\])", re.IGNORECASE
)
"""How the control marks of chat templates begin, of the models that are known."""
_APART: Final = "\u200b"
"""A space without width."""
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SHORTEST_SECRET: Final = 8


def disarmed(text: str) -> str:
    """A text that a model reads as text alone: nothing in it is one of the marks by which templates
    say who speaks. It looks the same."""
    return _MARKS.sub(lambda mark: mark.group() + _APART, _CONTROLS.sub("", text))


def cut(text: str, limit_bytes: int) -> str:
    """Its beginning, if it has more bytes than it may, and a word of that."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit_bytes:
        return data.decode()
    note = f"\n[cut off: {len(data)} bytes]"
    return data[: max(0, limit_bytes - len(note))].decode("utf-8", "ignore") + note


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A text without what nobody is to be told. What is shorter than eight characters is no secret:
    it stands in too many texts by chance."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text
