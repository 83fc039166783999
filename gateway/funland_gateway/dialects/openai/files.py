"""`/v1/files`: what callers give to work on, and what batches made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from funland.v1 import errors_pb2
from funland.v1.files_pb2 import (
    DeleteFileRequest,
    DownloadFileRequest,
    File,
    GetFileRequest,
    ListFilesRequest,
    ListFilesResponse,
    UploadFileRequest,
)
from funland_gateway.dialects.dialect import Download, Form, Incoming, Unary, Upload, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.paging import AFTER, NEWEST_FIRST, page
from funland_gateway.dialects.query import text, whole_number
from funland_gateway.dialects.reading import invalid, missing
from funland_gateway.dialects.rpcs import (
    DELETE_FILE,
    DOWNLOAD_FILE,
    GET_FILE,
    LIST_FILES,
    UPLOAD_FILE,
)

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
"""What callers' files are for."""
LIMIT: Final = whole_number("limit", "At most so many files.", 1, 10_000, 10_000)
PURPOSE: Final = text("purpose", "Only files that are for this.")
ORDER: Final = NEWEST_FIRST

SHORTEST: Final = 3600
LONGEST: Final = 30 * 24 * 3600
"""For how many seconds a file is kept that is to expire; one for a batch is, if nobody says."""

_ANCHOR, _SECONDS = "expires_after[anchor]", "expires_after[seconds]"
_CREATED: Final = "created_at"
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,62}/[a-z0-9][a-z0-9.+_-]{0,62}")
_LONGEST_NAME: Final = 512
_SAYS_NOTHING: Final = "application/octet-stream"
_BLAMES: Final[Mapping[int, str]] = {errors_pb2.FILE_NOT_FOUND: "id"}
_LIST_NAMES: Final = {"page_token": "after", "page_size": "limit"}
_UPLOAD_NAMES: Final = {"name": "file", "media_type": "file", "retention_seconds": _SECONDS}


def create_file(_: Incoming) -> Upload:
    """Asks for a file to be kept."""
    return Upload(
        UPLOAD_FILE,
        _said,
        file_field="file",
        data_field="data",
        answer=lambda file: json_reply(file_object(file)),
        field_name=lambda path: renamed(path, _UPLOAD_NAMES),
    )


def list_files(incoming: Incoming) -> Unary:
    """Asks for a page of the files."""
    request = ListFilesRequest(
        purpose=PURPOSE.of(incoming.query),
        oldest_first=ORDER.of(incoming.query) == "asc",
        page_size=LIMIT.of(incoming.query),
        page_token=AFTER.of(incoming.query),
    )

    def answer(found: ListFilesResponse) -> Any:
        return json_reply(page([file_object(file) for file in found.files], _more(found)))

    return Unary(LIST_FILES, request, answer, lambda path: renamed(path, _LIST_NAMES))


def retrieve_file(incoming: Incoming) -> Unary:
    """Asks what is known of one."""
    file_id = incoming.path["file_id"]
    return Unary(
        GET_FILE,
        GetFileRequest(file_id=file_id),
        lambda file: json_reply(file_object(file)),
        blames=_BLAMES,
        words=_words(file_id),
    )


def retrieve_file_content(incoming: Incoming) -> Download:
    """Asks for what one holds."""
    file_id = incoming.path["file_id"]
    request = DownloadFileRequest(file_id=file_id)
    return Download(DOWNLOAD_FILE, request, blames=_BLAMES, words=_words(file_id))


def delete_file(incoming: Incoming) -> Unary:
    """Asks for one to be removed."""
    file_id = incoming.path["file_id"]

    def answer(_: Empty) -> Any:
        return json_reply({"id": file_id, "object": "file", "deleted": True})

    request = DeleteFileRequest(file_id=file_id)
    return Unary(DELETE_FILE, request, answer, blames=_BLAMES, words=_words(file_id))


def file_object(file: File) -> dict[str, Any]:
    """A file as OpenAI has it."""
    return {
        "id": file.file_id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": file.create_time.seconds,
        "expires_at": file.expire_time.seconds if file.HasField("expire_time") else None,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def _said(form: Form, whole: bool) -> UploadFileRequest:
    """What is said of a file so far, or with `whole` in all; raises `CallFailed`."""
    purpose = form.texts.get("purpose", "")
    if purpose and purpose not in PURPOSES:
        raise invalid("purpose", f"must be one of {', '.join(PURPOSES)}")
    if whole and not purpose:
        raise missing("purpose")
    media_type = form.media_type.partition(";")[0].strip()
    known = _MEDIA_TYPE.fullmatch(media_type) and media_type != _SAYS_NOTHING
    return UploadFileRequest(
        name=form.file_name[-_LONGEST_NAME:],
        purpose=purpose,
        media_type=media_type if known else "",
        retention_seconds=_retention(form, purpose, whole),
    )


def _retention(form: Form, purpose: str, whole: bool) -> int:
    anchor, seconds = form.texts.get(_ANCHOR), form.texts.get(_SECONDS)
    if anchor not in (None, _CREATED):
        raise invalid(_ANCHOR, f"must be {_CREATED}")
    if seconds is None:
        if whole and anchor is not None:
            raise missing(_SECONDS)
        return LONGEST if whole and purpose == "batch" else 0
    if whole and anchor is None:
        raise missing(_ANCHOR)
    digits = seconds.isascii() and seconds.isdecimal() and len(seconds) <= len(str(LONGEST))
    if not digits or not SHORTEST <= int(seconds) <= LONGEST:
        raise invalid(_SECONDS, f"must be a number from {SHORTEST} to {LONGEST}")
    return int(seconds)


def _words(file_id: str) -> dict[int, str]:
    return {errors_pb2.FILE_NOT_FOUND: f"No such File object: {file_id}"}


def _more(found: ListFilesResponse) -> bool:
    return bool(found.next_page_token)
