"""The files that a task made, inside an answer in JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from google.api.httpbody_pb2 import HttpBody

from funland.v1.files_pb2 import DownloadFileRequest, File, GetFileRequest
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.rpcs import DOWNLOAD_FILE, GET_FILE

MOST_BYTES: Final = 32 * 1024**2
"""Of all files in one answer; of the others there is the address alone."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file, and what is in it."""

    file: File
    base64: str | None
    """None: the answer has no room for it."""


Contents = Mapping[str, Content]
"""By the files' ids."""


def with_contents(file_ids: Iterable[str], answer: Callable[[Contents], Reply]) -> Reply | Unary:
    """Asks for the files one after the other, and has them answered."""
    return _next(list(file_ids), {}, MOST_BYTES, answer)


def address(incoming: Incoming, task_id: str, file_id: str) -> str:
    """Where a file can be fetched by who has asked."""
    return f"{incoming.origin}/api/v1/tasks/{task_id}/files/{file_id}"


def _next(
    file_ids: list[str], found: dict[str, Content], room: int, answer: Callable[[Contents], Reply]
) -> Reply | Unary:
    if not file_ids:
        return answer(found)
    file_id, *rest = file_ids

    def asked(file: File) -> Reply | Unary:
        if file.size_bytes > room:
            return _next(rest, {**found, file_id: Content(file, None)}, room, answer)
        return Unary(DOWNLOAD_FILE, DownloadFileRequest(file_id=file_id), fetched(file))

    def fetched(file: File) -> Callable[[list[HttpBody]], Reply | Unary]:
        def take(parts: list[HttpBody]) -> Reply | Unary:
            data = b"".join(part.data for part in parts)
            content = Content(file, base64.b64encode(data).decode())
            return _next(rest, {**found, file_id: content}, room - len(data), answer)

        return take

    return Unary(GET_FILE, GetFileRequest(file_id=file_id), asked)
