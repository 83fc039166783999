"""What became of a batch's lines, as its files and its journal have it."""

from __future__ import annotations

import uuid
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson
from google.protobuf.message import Message

from funland.v1.inference_pb2 import BatchGenerateResponse, Usage

OK: Final = 200


class Tokens(NamedTuple):
    """Those of a line's answer."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0

    def plus(self, other: Tokens) -> Tokens:
        """Both together."""
        return Tokens(*(one + another for one, another in zip(self, other, strict=True)))


NO_TOKENS: Final = Tokens()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line."""

    number: int
    """Which line of the input it is."""
    failed: bool
    """Whether it belongs to the errors."""
    tokens: Tokens
    line: bytes
    """What the file of answers, or of errors, has of it: JSON, without the line's end."""


def answered(
    number: int, custom_id: str, status: int, body: bytes, tokens: Tokens = NO_TOKENS
) -> Outcome:
    """A line that has an answer, be it an error's."""
    response = {
        "status_code": status,
        "request_id": f"req_{uuid.uuid4().hex}",
        "body": orjson.Fragment(body),
    }
    line = {"id": _id(), "custom_id": custom_id, "response": response, "error": None}
    return Outcome(number, status != OK, tokens, orjson.dumps(line))


def unanswered(number: int, custom_id: str, code: str, message: str) -> Outcome:
    """A line that was never answered."""
    error = {"code": code, "message": message}
    line = {"id": _id(), "custom_id": custom_id, "response": None, "error": error}
    return Outcome(number, True, NO_TOKENS, orjson.dumps(line))


def tokens_of(response: Message) -> Tokens:
    """The tokens of an RPC's response."""
    if isinstance(response, BatchGenerateResponse):
        total = NO_TOKENS
        for result in response.results:
            total = total.plus(_tokens(result.response.usage))
        return total
    usage = getattr(response, "usage", None)
    return _tokens(usage) if isinstance(usage, Usage) else NO_TOKENS


def to_record(outcome: Outcome) -> bytes:
    """A line of the journal: a checksum, then all that is known."""
    head = (outcome.number, int(outcome.failed), *outcome.tokens)
    content = b"%b %b" % (" ".join(map(str, head)).encode(), outcome.line)
    return b"%08x %b\n" % (zlib.crc32(content), content)


def from_record(record: bytes) -> Outcome | None:
    """What a line of the journal says; None if it is torn or damaged."""
    checksum, _, content = record.removesuffix(b"\n").partition(b" ")
    if not record.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(content):
        return None
    number, failed, *tokens, line = content.split(b" ", 6)
    return Outcome(int(number), failed == b"1", Tokens(*map(int, tokens)), line)


def _id() -> str:
    return f"batch_req_{uuid.uuid4().hex}"


def _tokens(usage: Usage) -> Tokens:
    return Tokens(
        usage.prompt_tokens,
        usage.cached_prompt_tokens,
        usage.completion_tokens,
        usage.reasoning_tokens,
    )
