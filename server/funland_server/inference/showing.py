"""Fetches what the messages of a conversation show: files that are kept, and those of the web."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from funland.v1.inference_pb2 import Media, MessagePart
from funland.worker.v1.worker_pb2 import Conversation, Ready
from funland_server.config import ServerSettings
from funland_server.errors import FailedPreconditionError, FieldInvalidError, Violation
from funland_server.files.domain import Files
from funland_server.files.errors import FileTooLargeError
from funland_server.live import Live
from funland_server.web.errors import AnswerInvalidError
from funland_server.web.fetching import Web
from funland_server.workers.errors import ModelCannotHearError, ModelCannotSeeError

MOST_BYTES: Final = 48 * 1024**2
"""What those of one call may have together."""
_MOST_SHOWN: Final = 64
"""How many pictures and sounds a call may show."""
_OK: Final = 200
_ALL_OF_THEM: Final = "all that a call shows"


class Showing:
    """Puts what is shown where the worker finds it."""

    def __init__(self, settings: Live[ServerSettings], files: Files, web: Web) -> None:
        self._settings = settings
        self._files = files
        self._web = web

    async def fetch(self, conversation: Conversation, model_id: str, ready: Ready) -> None:
        """Has the bytes of all pictures and sounds in the conversation, for a model that is loaded.

        Raises:
            ModelCannotSeeError, ModelCannotHearError: The model has no use for them.
            FieldInvalidError: There are too many.
            FileTooLargeError: Together they are too large.
            UnknownFileError, FileElsewhereError: A file can't be had.
            OfflineError, AddressNotAllowedError, UnreachableError, AnswerInvalidError: A web
                address can't be fetched.
        """
        parts = list(_shown(conversation))
        if not parts:
            return
        for part in parts:
            if (error := lacking(part, model_id, ready)) is not None:
                raise error
        if len(parts) > _MOST_SHOWN:
            what = f"show {len(parts)} pictures and sounds; {_MOST_SHOWN} are the most"
            raise FieldInvalidError([Violation("messages", what)])
        conversation.image_pixels = self._settings.now.image_pixels
        left = MOST_BYTES
        for part in parts:
            media = part.image if part.HasField("image") else part.audio
            data = await self._data(media, left)
            left -= len(data)
            if left < 0:
                raise FileTooLargeError(MOST_BYTES, _ALL_OF_THEM)
            media.data = data

    async def _data(self, media: Media, most: int) -> bytes:
        match media.WhichOneof("source"):
            case "file_id":
                path = await self._files.path(media.file_id)
                return await asyncio.to_thread(_read, path, most)
            case "url":
                async with self._web.open(media.url) as answer:
                    if answer.status != _OK:
                        why = f"it is an error, with status {answer.status}"
                        raise AnswerInvalidError.of(answer.host, why)
                    return await answer.read(most)
            case _:
                return media.data


def lacking(part: MessagePart, model_id: str, ready: Ready) -> FailedPreconditionError | None:
    """Why a model that is loaded can't be shown a part; None: it can."""
    if part.HasField("image") and not ready.can_see:
        return ModelCannotSeeError(
            f"The model {model_id!r} can't see: leave the pictures out, or use one that has a"
            " projector for them.",
            model=model_id,
        )
    if part.HasField("audio") and not ready.can_hear:
        return ModelCannotHearError(
            f"The model {model_id!r} can't hear: leave the sounds out, or use one that has a"
            " projector for them.",
            model=model_id,
        )
    return None


def _shown(conversation: Conversation) -> Iterator[MessagePart]:
    for message in conversation.messages:
        for part in message.parts:
            if not part.HasField("text"):
                yield part


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most + 1)
