"""The texts and pictures of Anthropic's content: a string, or a list of blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from funland.v1.inference_pb2 import MessagePart
from funland_gateway.dialects.reading import JsonObject, malformed, missing, unsupported
from funland_gateway.dialects.showing import kept_picture, picture_at, picture_of, text_part

_KINDS_SHOWN: Final = 64
_IMAGE: Final = "image"

_OF_EACH_CALL = re.compile(r"^x-anthropic-[a-z-]+:.*(?:\n+|$)", re.IGNORECASE | re.MULTILINE)
"""Headers that clients write into the system prompt, another for each call: with them no prompt
would begin as the one before it, and all of it would be computed again each time."""


def blocks(holder: JsonObject, name: str = "content") -> list[JsonObject]:
    """The blocks of a field that must be there; a string is one block of text."""
    value = holder.raw(name)
    if value is None:
        raise missing(holder.path_of(name))
    if isinstance(value, str):
        return [JsonObject({"type": "text", "text": value}, holder.path_of(name))]
    if not isinstance(value, list):
        raise malformed(holder.path_of(name), "a string or a list of blocks")
    return holder.objects(name)


def text_of(block: JsonObject) -> str:
    """The text of a block that is told to the model as it is."""
    kind = block.string("type")
    read = _TEXTS.get(kind)
    if read is None:
        known = ", ".join(_TEXTS)
        problem = f"blocks of type {kind[:_KINDS_SHOWN]!r} are not supported; here may be {known}."
        raise unsupported(block.path_of("type"), problem)
    return read(block)


def part_of(block: JsonObject) -> MessagePart:
    """A block that is told or shown to the model."""
    return _picture(block) if block.string("type") == _IMAGE else text_part(text_of(block))


def joined(holder: JsonObject, name: str = "content") -> str:
    """The text of all blocks of a field, a line each."""
    return "\n".join(text_of(block) for block in blocks(holder, name))


def system_text(body: JsonObject) -> str:
    """The system prompt, without what is another in each call; empty: there is none."""
    if body.raw("system") is None:
        return ""
    texts = [_OF_EACH_CALL.sub("", text_of(block)) for block in blocks(body, "system")]
    return "\n".join(filter(None, texts))


def _picture(block: JsonObject) -> MessagePart:
    source = block.object("source")
    if source is None:
        raise missing(block.path_of("source"))
    kind = source.string("type")
    if kind == "base64":
        return picture_of(source.string("data"), source.path_of("data"))
    if kind == "url":
        return picture_at(source.string("url"), source.path_of("url"))
    if kind == "file":
        return kept_picture(source.string("file_id"))
    problem = f"a picture's source is of type base64, url or file, not {kind[:_KINDS_SHOWN]!r}."
    raise unsupported(source.path_of("type"), problem)


def _document(block: JsonObject) -> str:
    source = block.object("source")
    if source is None:
        raise missing(block.path_of("source"))
    kind = source.string("type")
    if kind == "content":
        text = joined(source)
    elif kind == "text":
        text = source.string("data")
    else:
        problem = "send a document's text, as source of type text or content."
        raise unsupported(source.path_of("type"), problem)
    return "\n".join(filter(None, (_head(block), text)))


def _result(block: JsonObject) -> str:
    """A result of a search of the caller's."""
    return "\n".join(filter(None, (_head(block), block.optional_string("source"), joined(block))))


def _head(block: JsonObject) -> str:
    told = (block.optional_string("title"), block.optional_string("context"))
    return "\n".join(filter(None, told))


_TEXTS: Final[Mapping[str, Callable[[JsonObject], str]]] = {
    "text": lambda block: block.string("text"),
    "document": _document,
    "search_result": _result,
}
