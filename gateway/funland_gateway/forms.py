"""Reads forms with files in them (multipart/form-data), a part at a time."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.bodies import unsupported_content
from funland_gateway.failures import CallFailed, failure
from funland_gateway.uploading import in_parts, in_time

FORM: Final = "multipart/form-data"

_MOST_FIELDS: Final = 64
_LONGEST_FIELD: Final = 128 * 1024
"""In bytes: a prompt of a picture has up to 32000 characters."""
_CHUNK: Final = 64 * 1024
_AS_THEY_ARE: Final = ("", "binary", "7bit", "8bit")


@dataclass(frozen=True, slots=True)
class Text:
    """A field of a form."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a form. Its parts must be read before the next field is asked for."""

    field: str
    """The field's name."""
    name: str
    """What its sender calls it; empty if it has no name."""
    media_type: str
    """Empty if its sender does not say."""
    parts: AsyncIterator[bytes]


async def read_form(
    request: web.Request, file_fields: Collection[str]
) -> AsyncGenerator[Text | File]:
    """The form's fields in their order. Those of the names `file_fields` are files; there may be
    several of one name. A form ends whole, or with `CallFailed`: CONTENT_UNSUPPORTED where the body
    is no form, BODY_MALFORMED where it is broken, late, or has too many fields or too long ones."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise unsupported_content("Content-Encoding", "identity", encoding)
    if request.content_type != FORM:
        raise unsupported_content("Content-Type", FORM, request.content_type)
    with _as_malformed():
        form = await request.multipart()
    for _ in range(_MOST_FIELDS + 1):
        with _as_malformed():
            async with in_time(request):
                part = await form.next()
            if part is None:
                return
            if not isinstance(part, BodyPartReader):
                raise ValueError("it has a form inside")
            if part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "").lower() not in _AS_THEY_ARE:
                raise ValueError("a field of it has a Content-Transfer-Encoding")
            name, file_name = _names(part)
        if name not in file_fields:
            yield Text(name, await _text(request, part, name))
            continue
        media_type = part.headers.get(hdrs.CONTENT_TYPE, "").strip().lower()
        async with aclosing(_parts(request, part)) as parts:
            yield File(name, file_name, media_type, parts)
    raise _malformed(f"it has more than {_MOST_FIELDS} fields")


async def _parts(request: web.Request, part: BodyPartReader) -> AsyncGenerator[bytes]:
    async def read() -> bytes:
        with _as_malformed():
            while not part.at_eof():
                if chunk := await part.read_chunk(_CHUNK):
                    return bytes(chunk)
        return b""

    async with aclosing(in_parts(request, read)) as parts:
        async for each in parts:
            yield each


async def _text(request: web.Request, part: BodyPartReader, name: str) -> str:
    value = bytearray()
    with _as_malformed():
        async with in_time(request):
            while not part.at_eof():
                value += await part.read_chunk()
                if len(value) > _LONGEST_FIELD:
                    raise ValueError(f"its field {name[:64]!r} is too long")
        return value.decode()


def _names(part: BodyPartReader) -> tuple[str, str]:
    """What the field is called, and the file in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what can't be read is no name
        return part.name or "", part.filename or ""


@contextmanager
def _as_malformed() -> Generator[None]:
    """aiohttp tells what is wrong with a form in many ways."""
    try:
        yield
    except (web.RequestPayloadError, TimeoutError):
        raise
    except HttpProcessingError as error:
        raise _malformed("the head of a field is too long, or is none") from error
    except UnicodeDecodeError as error:
        raise _malformed("a field of it is not UTF-8") from error
    except (ValueError, AssertionError, RuntimeError, RuntimeWarning) as error:
        raise _malformed(_words(error)) from error


def _words(error: Exception) -> str:
    told = str(error)
    if told.startswith(("it ", "its ", "a field ")):
        return told
    return "it has no boundary, or does not end with it"


def _malformed(why: str) -> CallFailed:
    return failure(
        "INVALID_ARGUMENT", ErrorReason.BODY_MALFORMED, f"The form can't be read: {why}."
    )
