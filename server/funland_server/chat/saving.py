"""Saves answers as they grow: those of all sessions together, several times a second."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from funland.v1.sessions_pb2 import SessionMessage
from funland_server.chat.answer import Answer
from funland_server.chat.store import SessionStore
from funland_server.errors import FunlandError

logger = structlog.get_logger(__name__)

PERIOD: Final = 0.25
"""Seconds of writing that a server which is killed may lose."""
_AGAIN: Final = 1.0


class Saving:
    """The answers of one server whose rows in the database don't say all of them yet.

    Those that are written at once share a transaction. What can't be saved is held, shown to
    whoever asks, and tried again.
    """

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._answers: dict[str, Answer] = {}
        self._dirty: dict[str, Answer] = {}
        self._turn = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    def begin(self, answer: Answer) -> None:
        """Takes an answer that has a row."""
        self._answers[answer.message_id] = answer

    def grown(self, answer: Answer) -> None:
        """Has an answer saved soon."""
        self._dirty[answer.message_id] = answer
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._save_on())

    async def end(self, answer: Answer) -> None:
        """Saves an answer that has ended; it is on the disk on return. One that can't be saved is
        held.

        Raises:
            StorageFullError, StorageUnavailableError: It can't be saved now.
        """
        self._dirty[answer.message_id] = answer
        await self._save()

    def hold(self, answer: Answer) -> None:
        """Saves an answer when that can be done again; until then it is shown as it is."""
        answer.gives_back = False
        self.grown(answer)

    def present(self, message: SessionMessage) -> SessionMessage:
        """A message of the database, changed into what it is now."""
        if answer := self._answers.get(message.message_id):
            siblings = list(message.sibling_message_ids)
            message.CopyFrom(answer.message)
            message.sibling_message_ids[:] = siblings
        return message

    def answers(self, session_id: str) -> list[SessionMessage]:
        """Those of a session of which the database doesn't say all, as they are now."""
        return [
            answer.message for answer in self._answers.values() if answer.session_id == session_id
        ]

    async def close(self) -> None:
        """Saves what is left, if it can be. Closing twice is no error."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        try:
            await self._save()
        except FunlandError as error:
            logger.warning("answers_not_saved", answers=len(self._dirty), reason=error.message)

    async def _save_on(self) -> None:
        told = False
        while self._dirty:
            await asyncio.sleep(PERIOD)
            try:
                await self._save()
                told = False
            except FunlandError as error:
                if not told:
                    logger.warning("answers_not_saved", answers=len(self._dirty),
                                   reason=error.message)  # fmt: skip
                told = True
                await asyncio.sleep(_AGAIN)

    async def _save(self) -> None:
        """Saves all that has grown, in one transaction."""
        async with self._turn:
            batch, self._dirty = self._dirty, {}
            if not batch:
                return  # whoever had the turn before saved it
            written = [answer.written for answer in batch.values()]
            try:
                await self._store.save(written)
            except BaseException:
                self._dirty = batch | self._dirty
                raise
            for one in written:
                if one.event and one.message.message_id not in self._dirty:
                    self._answers.pop(one.message.message_id, None)
