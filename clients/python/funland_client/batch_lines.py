"""The lines of a batch's files: what is asked, and what was answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from funland_client.fields import refusal
from funland_client.kept_files import Source


class BatchRequest(TypedDict):
    """What a line asks. Its `body` is that of its endpoint, or a request of the contract.

    A `method` and a `url` that are left out are POST and the batch's endpoint.
    """

    custom_id: str
    body: Mapping[str, Any] | Message
    method: NotRequired[str]
    url: NotRequired[str]


Requests = str | Path | bytes | Iterable[BatchRequest]
"""A file of lines by its path, its content, or what the lines ask."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What came of a line: the `status` and `body` that its call would have been answered with.

    `error` is set, and the others may not be, if there was no call.
    """

    custom_id: str
    status: int | None
    body: Mapping[str, Any] | None
    error: Mapping[str, Any] | None

    @property
    def succeeded(self) -> bool:
        """Whether the body is what was asked for."""
        return self.error is None and self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's successes


def source_of(requests: Requests, endpoint: str) -> Source:
    """What to upload."""
    if isinstance(requests, str | Path | bytes):
        return requests
    return _written(requests, endpoint)


def _written(requests: Iterable[BatchRequest], endpoint: str) -> Iterator[bytes]:
    for index, request in enumerate(requests):
        line: dict[str, Any] = {"method": "POST", "url": endpoint, **request}
        if isinstance(line.get("body"), Message):
            line["body"] = MessageToDict(line["body"], preserving_proto_field_name=True)
        for name in ("custom_id", "body"):
            if name not in line:
                raise refusal(f"requests[{index}]", f"has no {name!r}.")
        try:
            text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise refusal(f"requests[{index}]", f"is not JSON: {error}") from error
        yield f"{text}\n".encode()


class AnswerLines:
    """Reads answers of the parts in which their file comes."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def take(self, data: bytes) -> Iterator[BatchAnswer]:
        """The answers that are whole now."""
        first, *others = data.split(b"\n")
        self._begun.append(first)
        if others:
            whole = [b"".join(self._begun), *others[:-1]]
            self._begun = [others[-1]]
            yield from _answers(whole)

    def rest(self) -> Iterator[BatchAnswer]:
        """The last, if no line's end is behind it."""
        yield from _answers([b"".join(self._begun)])


def _answers(lines: Iterable[bytes]) -> Iterator[BatchAnswer]:
    for line in lines:
        if line.strip():
            told: dict[str, Any] = json.loads(line)
            response: dict[str, Any] = told.get("response") or {}
            yield BatchAnswer(
                told["custom_id"],
                response.get("status_code"),
                response.get("body"),
                told.get("error"),
            )
