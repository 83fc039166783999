"""The part of OpenAI's table that is about files."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import Route
from funland_gateway.dialects.openai.files import (
    LIMIT,
    LONGEST,
    ORDER,
    PURPOSE,
    PURPOSES,
    SHORTEST,
    create_file,
    delete_file,
    list_files,
    retrieve_file,
    retrieve_file_content,
)
from funland_gateway.dialects.openai.paging import AFTER
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    STRING,
    array_of,
    described,
    nullable,
    object_with,
    one_of_values,
)

_TAG: Final = "openai"

_EXPIRES: Final = object_with(
    {
        "anchor": one_of_values("created_at"),
        "seconds": {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST},
    },
    ("anchor", "seconds"),
)
_CREATE: Final = object_with(
    {
        "file": {"type": "string", "format": "binary", "description": "The file."},
        "purpose": described(one_of_values(*PURPOSES), "What it is for."),
        "expires_after": described(
            _EXPIRES,
            "When it is forgotten: sent as `expires_after[anchor]` and `expires_after[seconds]`.",
        ),
    },
    ("file", "purpose"),
)
_FILE: Final = object_with(
    {
        "id": STRING,
        "object": one_of_values("file"),
        "bytes": INTEGER,
        "created_at": INTEGER,
        "expires_at": nullable(INTEGER),
        "filename": STRING,
        "purpose": STRING,
        "status": one_of_values("processed"),
        "status_details": nullable(STRING),
    },
    ("id", "object", "bytes", "created_at", "filename", "purpose", "status"),
)
_LIST: Final = object_with(
    {
        "object": one_of_values("list"),
        "data": array_of(_FILE),
        "first_id": STRING,
        "last_id": STRING,
        "has_more": BOOLEAN,
    },
    ("object", "data", "has_more"),
)
_DELETED: Final = object_with(
    {"id": STRING, "object": one_of_values("file"), "deleted": BOOLEAN},
    ("id", "object", "deleted"),
)

FILE_ROUTES: Final = (
    Route(
        "POST",
        "/v1/files",
        create_file,
        "Keeps a file.",
        _TAG,
        _CREATE,
        _FILE,
        form=True,
    ),
    Route(
        "GET",
        "/v1/files",
        list_files,
        "Lists the files.",
        _TAG,
        response_schema=_LIST,
        query=(AFTER, LIMIT, ORDER, PURPOSE),
    ),
    Route(
        "GET",
        "/v1/files/{file_id}",
        retrieve_file,
        "Tells what is known of a file.",
        _TAG,
        response_schema=_FILE,
    ),
    Route(
        "DELETE",
        "/v1/files/{file_id}",
        delete_file,
        "Removes a file.",
        _TAG,
        response_schema=_DELETED,
    ),
    Route(
        "GET",
        "/v1/files/{file_id}/content",
        retrieve_file_content,
        "Gives what a file holds.",
        _TAG,
        binary=True,
    ),
)
