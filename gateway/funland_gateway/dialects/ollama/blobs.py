"""`/api/blobs`: files that models are made of, by their digests."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.files_pb2 import File, ListFilesRequest, ListFilesResponse, UploadFileRequest
from funland_gateway.dialects.dialect import Incoming, RawUpload, Reply, Step, Unary
from funland_gateway.dialects.ollama.models import NOTHING
from funland_gateway.dialects.reading import invalid
from funland_gateway.dialects.rpcs import LIST_FILES, UPLOAD_FILE
from funland_gateway.failures import failure

_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-f]{64})")
_PURPOSE: Final = "model"
_PAGE: Final = 1000
_KEPT_SECONDS: Final = 24 * 3600
"""For how long a blob waits for the model that is made of it, which then has its own."""


def find_blob(incoming: Incoming) -> Unary:
    """Asks whether a blob is there."""

    def answer(_: str) -> Reply:
        return NOTHING

    return with_file(incoming.path["digest"], "digest", answer)


def create_blob(incoming: Incoming) -> RawUpload:
    """Takes a blob in, which must have the digest."""
    digest = incoming.path["digest"]
    first = UploadFileRequest(
        name=digest.replace(":", "-"),
        purpose=_PURPOSE,
        media_type="application/octet-stream",
        retention_seconds=_KEPT_SECONDS,
        sha256=sha256(digest, "digest"),
    )

    def answer(_: File) -> Reply:
        return Reply(b"", NOTHING.content_type, HTTPStatus.CREATED)

    return RawUpload(UPLOAD_FILE, first, "data", answer, _field_name)


def with_file(digest: str, path: str, then: Callable[[str], Step]) -> Unary:
    """Goes on with the id of the file that is a blob; `path` is where the request names it."""
    wanted = sha256(digest, path)

    def ask(page_token: str) -> Unary:
        request = ListFilesRequest(purpose=_PURPOSE, page_size=_PAGE, page_token=page_token)
        return Unary(LIST_FILES, request, take)

    def take(page: ListFilesResponse) -> Step:
        for file in page.files:
            if file.sha256 == wanted:
                return then(file.file_id)
        if page.next_page_token:
            return ask(page.next_page_token)
        raise failure(
            "NOT_FOUND",
            ErrorReason.FILE_NOT_FOUND,
            f"{path}: there is no blob {digest}; post it to /api/blobs/{digest} first.",
            file_id=digest,
        )

    return ask("")


def sha256(digest: str, path: str) -> str:
    """The digits of a digest; `path` is where the request has it."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise invalid(path, "must be sha256: and 64 hexadecimal digits in lower case")
    return found[1]


def _field_name(path: str) -> str:
    return "digest" if path == "sha256" else path
