"""Keeps the files of a form for as long as the call lasts that is made of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Final, cast

import structlog
from aiohttp import web
from google.protobuf.message import Message

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.files_pb2 import DeleteFileRequest, UploadFileRequest
from funland.v1.files_pb2 import File as KeptFile
from funland_gateway.calls import Calls
from funland_gateway.dialects.dialect import KeptForm, Step
from funland_gateway.dialects.form_values import form_object
from funland_gateway.dialects.reading import JsonObject, unsupported
from funland_gateway.dialects.rpcs import DELETE_FILE, UPLOAD_FILE
from funland_gateway.failures import CallFailed, renamed
from funland_gateway.forms import File, Text, read_form

_log = structlog.get_logger(__name__)

_LONGEST_SECONDS: Final = 24 * 3600
"""After which the server forgets a file whose gateway was lost."""
_NOT_TAKEN: Final = "this value is not supported yet."
_LONGEST_NAME: Final = 512
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,62}/[a-z0-9][a-z0-9.+_-]{0,62}")


@asynccontextmanager
async def kept_form(request: web.Request, calls: Calls, form: KeptForm) -> AsyncGenerator[Step]:
    """What is to be called once the form is whole; leaving the block removes its files.

    A file goes to the server while it comes: none is held here. Raises `CallFailed` for a form that
    is not whole, and for what is wrong with it.
    """
    kept: dict[str, list[str]] = {}
    try:
        yield await _read(request, calls, form, kept)
    finally:
        forgetting = asyncio.create_task(_forget(request, calls, kept))
        await asyncio.shield(forgetting)


async def _read(
    request: web.Request, calls: Calls, form: KeptForm, kept: dict[str, list[str]]
) -> Step:
    texts: list[tuple[str, str]] = []
    names = [*form.files, *(f"{name}[]" for name in form.files)]
    async with aclosing(read_form(request, names)) as fields:
        async for field in fields:
            if isinstance(field, Text):
                texts.append((field.name, field.value))
                continue
            name = field.field.removesuffix("[]")
            ids = kept.setdefault(name, [])
            if len(ids) == form.files[name]:
                most = form.files[name]
                raise unsupported(name, f"at most {most} is taken." if most else _NOT_TAKEN)
            ids.append(await _keep(request, calls, form, name, field))
    return form.call(JsonObject(form_object(texts, form.kinds)), kept)


async def _keep(request: web.Request, calls: Calls, form: KeptForm, name: str, file: File) -> str:
    async with aclosing(_messages(form, file)) as messages:
        try:
            answer = await calls.collect(request, UPLOAD_FILE, messages)
        except CallFailed as failed:
            error = renamed(failed.error, lambda _path: name)
            if error.reason == ErrorReason.FILE_TOO_LARGE:
                error.metadata["parameter"] = name
            raise CallFailed(error) from failed
    return cast("KeptFile", answer).file_id


async def _messages(form: KeptForm, file: File) -> AsyncGenerator[Message]:
    media_type = file.media_type.partition(";")[0].strip()
    yield UploadFileRequest(
        name=file.name[-_LONGEST_NAME:],
        purpose=form.purpose,
        media_type=media_type if _MEDIA_TYPE.fullmatch(media_type) else "",
        retention_seconds=_LONGEST_SECONDS,
    )
    async for part in file.parts:
        yield UploadFileRequest(data=part)


async def _forget(request: web.Request, calls: Calls, kept: dict[str, list[str]]) -> None:
    for file_id in (file_id for ids in kept.values() for file_id in ids):
        try:
            await calls.unary(request, DELETE_FILE, DeleteFileRequest(file_id=file_id))
        except CallFailed as failed:
            _log.warning("file_not_removed", file_id=file_id, why=failed.error.message)
