"""Pictures and sounds in the messages of other APIs, as the contract has them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import Final

from funland.v1 import errors_pb2
from funland.v1.inference_pb2 import Media, Message, MessagePart
from funland_gateway.dialects.reading import JsonObject, invalid, missing, unsupported

SHOWN_REASONS: Final = (
    errors_pb2.MODEL_CANNOT_SEE,
    errors_pb2.MODEL_CANNOT_HEAR,
    errors_pb2.IMAGE_INVALID,
    errors_pb2.AUDIO_INVALID,
    errors_pb2.FORMAT_UNAVAILABLE,
    errors_pb2.FILE_TOO_LARGE,
    errors_pb2.FILE_NOT_FOUND,
    errors_pb2.FILE_ELSEWHERE,
)
"""What can be wrong with pictures and sounds in messages."""

_DATA: Final = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,", re.ASCII | re.IGNORECASE)
_WEB: Final = ("http://", "https://")
_HEAD: Final = 256
"""Characters of a data URL that may stand before what it holds."""
_STARTS: Final = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
_WEBP: Final = "image/webp"


def text_part(text: str) -> MessagePart:
    """A text."""
    return MessagePart(text=text)


def picture_at(url: str, path: str) -> MessagePart:
    """A picture by its address, which a `data:` URL holds within it."""
    return MessagePart(image=_at(url, path))


def picture_of(data: str, path: str) -> MessagePart:
    """A picture in base64."""
    return MessagePart(image=Media(data=decoded(data, path)))


def kept_picture(file_id: str) -> MessagePart:
    """A picture that is kept as a file."""
    return MessagePart(image=Media(file_id=file_id))


def sound_of(data: str, path: str) -> MessagePart:
    """A sound in base64, or as a `data:` URL."""
    at_url = data[:5].lower() == "data:"
    return MessagePart(audio=_at(data, path) if at_url else Media(data=decoded(data, path)))


def image_url(part: JsonObject, name: str = "image_url") -> MessagePart:
    """The picture of a part: an address, or an object that has it as `url`. Its `detail` is passed
    over: how finely a model sees is its own."""
    value = part.raw(name)
    if isinstance(value, str):
        return picture_at(value, part.path_of(name))
    holder = part.object(name)
    if holder is None:
        raise missing(part.path_of(name))
    return picture_at(holder.string("url"), holder.path_of("url"))


def input_audio(part: JsonObject) -> MessagePart:
    """The sound of a part. What its `format` says is read from the sound itself."""
    holder = part.object("input_audio")
    if holder is None:
        raise missing(part.path_of("input_audio"))
    return sound_of(holder.string("data"), holder.path_of("data"))


def decoded(data: str, path: str) -> bytes:
    """What base64 holds; `path` names the field that has it."""
    try:
        found = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(path, "is not base64") from None
    if not found:
        raise invalid(path, "must not be empty")
    return found


def with_parts(message: Message, parts: Sequence[MessagePart]) -> Message:
    """The message with what is said and shown: where all is text, as one, a line for each part."""
    if all(part.HasField("text") for part in parts):
        message.content = "\n".join(part.text for part in parts)
    else:
        message.parts.extend(parts)
    return message


def appended(message: Message, parts: Iterable[MessagePart]) -> None:
    """Adds to what a message says and shows."""
    told = list(message.parts)
    if message.content:
        told = [text_part(message.content)]
        message.content = ""
    del message.parts[:]
    with_parts(message, [*told, *parts])


def parts_of(message: Message) -> list[MessagePart]:
    """What a message says and shows, in parts."""
    if message.parts or not message.content:
        return list(message.parts)
    return [text_part(message.content)]


def address(media: Media) -> str:
    """Where a picture is: its web address, or a `data:` URL; empty for a file that is kept."""
    if media.HasField("url"):
        return media.url
    if not media.HasField("data"):
        return ""
    data = media.data
    kind = next((kind for start, kind in _STARTS if data.startswith(start)), _WEBP)
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def sound_kind(media: Media) -> str:
    """What OpenAI's API calls the format of a sound."""
    return "mp3" if media.data.startswith((b"ID3", b"\xff")) else "wav"


def _at(url: str, path: str) -> Media:
    head = _DATA.match(url[:_HEAD])
    if head is not None:
        return Media(data=decoded(url[head.end() :], path))
    if url[:8].lower().startswith(_WEB):
        return Media(url=url)
    if url[:5].lower() == "data:":
        raise invalid(path, "must be base64: data:image/png;base64,...")
    raise unsupported(path, "give a data: URL, or one that begins with https://.")
