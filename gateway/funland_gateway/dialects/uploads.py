"""Makes the messages of an upload out of a dialect's form."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web
from google.protobuf.message import Message

from funland_gateway.dialects.dialect import Form, Upload
from funland_gateway.dialects.reading import invalid, missing
from funland_gateway.forms import Text, read_form


async def form_messages(request: web.Request, upload: Upload) -> AsyncGenerator[Message]:
    """The messages of a call: what is said before the file, the file, and all that is said.

    Fields may stand after the file, whose content is on its way by then. Raises `CallFailed`
    before the last message if the form is not whole or anything is wrong with it.
    """
    texts: dict[str, str] = {}
    form = Form(texts)
    seen = False
    async with aclosing(read_form(request, (upload.file_field,))) as fields:
        async for field in fields:
            if isinstance(field, Text):
                if field.name in texts:
                    raise invalid(field.name, "is there twice")
                texts[field.name] = field.value
                continue
            if seen:
                raise invalid(upload.file_field, "is there twice: one file is kept at a time")
            seen = True
            form = Form(texts, field.name, field.media_type)
            first = upload.tell(form, False)
            yield first
            async for part in field.parts:
                message = type(first)()
                setattr(message, upload.data_field, part)
                yield message
    if not seen:
        raise missing(upload.file_field)
    yield upload.tell(form, True)
