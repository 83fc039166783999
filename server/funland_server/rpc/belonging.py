"""What a request names must be there for its caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from google.protobuf.message import Message

from funland_server.batches.errors import BatchNotFoundError
from funland_server.belonging import rows
from funland_server.belonging.rows import Thing
from funland_server.chat.errors import SessionNotFoundError
from funland_server.errors import NotFoundError
from funland_server.files.errors import UnknownFileError
from funland_server.identity import caller
from funland_server.responses.errors import ResponseNotFoundError
from funland_server.storage.database import Database
from funland_server.tasks.errors import TaskNotFoundError

OWNED: Final[Mapping[str, Thing]] = {
    "task_id": Thing.TASK,
    "batch_id": Thing.BATCH,
    "response_id": Thing.RESPONSE,
    "previous_response_id": Thing.RESPONSE,
    "session_id": Thing.SESSION,
    "file_id": Thing.FILE,
    "adapter_file_id": Thing.FILE,
    "input_file_id": Thing.FILE,
    "image_file_id": Thing.FILE,
    "mask_file_id": Thing.FILE,
    "projector_file_id": Thing.FILE,
}
"""The fields of requests that name something of a user's."""
_MISSING: Final[Mapping[Thing, type[NotFoundError]]] = {
    Thing.TASK: TaskNotFoundError,
    Thing.BATCH: BatchNotFoundError,
    Thing.RESPONSE: ResponseNotFoundError,
    Thing.SESSION: SessionNotFoundError,
    Thing.FILE: UnknownFileError,
}


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the database says of who made what."""

    database: Database

    async def check(self, request: Message) -> None:
        """Raises the NotFoundError of the first thing that a request names and that is not there
        for its caller, in the words for one that never was."""
        who = caller()
        if who.is_admin:
            return
        for thing, thing_id in named(request):
            find = partial(rows.owner, thing=thing, thing_id=thing_id)
            if not who.sees(await self.database.read(find)):
                raise _MISSING[thing](thing_id)


def named(request: Message) -> Iterator[tuple[Thing, str]]:
    """What a request names, within its parts too."""
    for field, value in request.ListFields():
        thing = OWNED.get(field.name)
        if thing is not None and isinstance(value, str):
            yield thing, value
        elif isinstance(value, Message):
            yield from named(value)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value:
                yield from named(part)
