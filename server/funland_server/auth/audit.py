"""What was done, kept in the database: written behind the calls, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import delete, insert, select

from funland.v1.auth_pb2 import AuditEvent, CreateTokenRequest, ListAuditEventsRequest
from funland_server.auth.tables import audit_events
from funland_server.errors import FunlandError
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

logger = structlog.get_logger(__name__)

_MOST_WAITING: Final = 10_000
_SUBJECTS: Final = ("_id", "username")
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Done:
    """Something that was done. `time` are microseconds since 1970."""

    time: int
    user_id: str
    key_id: str
    rpc: str
    code: str
    reason: str
    subject: str
    address: str
    request_id: str


class Audit:
    """The log of what was done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Done] = []
        self._came = asyncio.Event()
        self._turn = asyncio.Lock()
        self._stopping = False
        self._writing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to write."""
        self._writing = asyncio.create_task(self._write_often())

    async def stop(self) -> None:
        """Writes what is left."""
        self._stopping = True
        self._came.set()
        if self._writing is not None:
            await self._writing
        await self._write()

    def note(self, done: Done) -> None:
        """Keeps what was done, soon. Of more than a disk can take, the first are kept."""
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(done)
            self._came.set()

    async def page(
        self, request: ListAuditEventsRequest, before: int | None, size: int
    ) -> list[AuditEvent]:
        """Events, the newest first, one more than `size` at most."""
        # A reader that goes is not to end it: what came would be lost, or kept twice.
        await asyncio.shield(asyncio.create_task(self._write()))
        column = audit_events.c
        wanted = [
            *([column.user_id == request.user_id] if request.user_id else []),
            *([column.rpc == request.rpc] if request.rpc else []),
            *([column.code != "OK"] if request.failed_only else []),
            *([column.event_id < before] if before is not None else []),
        ]

        async def find(connection: AsyncConnection) -> Sequence[Any]:
            query = select(audit_events).where(*wanted).order_by(column.event_id.desc())
            return (await connection.execute(query.limit(size + 1))).all()

        return [_to_wire(row) for row in await self._database.read(find)]

    async def forget(self, before: int) -> None:
        """Forgets what was done before a time, in microseconds since 1970."""

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(delete(audit_events).where(audit_events.c.time < before))

        await self._database.write(write)

    async def _write_often(self) -> None:
        while not self._stopping:
            await self._came.wait()
            await self._write()

    async def _write(self) -> None:
        """Writes what has come; when it returns, nothing that came before is still to be kept."""
        async with self._turn:
            self._came.clear()
            done, self._waiting = self._waiting, []
            if done:
                await self._keep(done)

    async def _keep(self, done: Sequence[Done]) -> None:
        rows = [{name: getattr(one, name) for name in Done.__slots__} for one in done]

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(insert(audit_events), rows)

        try:
            await self._database.write(write)
        except FunlandError as error:
            logger.warning("audit_not_written", events=len(done), reason=error.message)


def subject(request: Message | None) -> str:
    """What a request is about: its fields that name something, and never what it says."""
    if request is None:
        return ""
    named = [
        f"{field.name}={value[:_LONGEST]}"
        for field, value in (*request.ListFields(), *_of_grant(request))
        if isinstance(value, str) and field.name.endswith(_SUBJECTS)
    ]
    return " ".join(named)


def _of_grant(request: Message) -> Sequence[tuple[FieldDescriptor, Any]]:
    """Who wants to log in."""
    if isinstance(request, CreateTokenRequest) and request.HasField("password"):
        return request.password.ListFields()
    return ()


def _to_wire(row: Any) -> AuditEvent:
    event = AuditEvent(
        **{name: getattr(row, name) for name in ("event_id", *Done.__slots__) if name != "time"}
    )
    event.time.FromMicroseconds(row.time)
    return event
