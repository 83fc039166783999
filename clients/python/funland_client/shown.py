"""Pictures and sounds for chats: of this machine, of the web, or kept by the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from funland.v1.files_pb2 import File
from funland.v1.inference_pb2 import Media, MessagePart

Source = str | Path | bytes | File
"""A file's path or its bytes; an address that begins with `http://` or `https://`, from which the
server fetches it; or a file that the server keeps."""
Said = str | Sequence[str | MessagePart]
"""A text, or texts with pictures and sounds in their order."""

_WEB = ("http://", "https://")


def image(source: Source) -> MessagePart:
    """A picture to show a model that can see: PNG, JPEG or WebP.

    Raises:
        OSError: The file can't be read.
    """
    return MessagePart(image=_media(source))


def audio(source: Source) -> MessagePart:
    """A sound to play to a model that can hear.

    Raises:
        OSError: The file can't be read.
    """
    return MessagePart(audio=_media(source))


def parts(said: Sequence[str | MessagePart]) -> list[MessagePart]:
    """What is said and shown, as the contract has it."""
    return [MessagePart(text=one) if isinstance(one, str) else one for one in said]


def _media(source: Source) -> Media:
    if isinstance(source, bytes):
        return Media(data=source)
    if isinstance(source, File):
        return Media(file_id=source.file_id)
    if isinstance(source, str) and source.startswith(_WEB):
        return Media(url=source)
    return Media(data=Path(source).read_bytes())
