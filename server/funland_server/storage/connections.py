"""SQLAlchemy's engine for coroutines.

Its own one, `sqlalchemy.ext.asyncio`, imports the ORM with it: a tenth of a start and 6 MiB of
memory, where all queries are Core's. This one does the same by the same means, `greenlet_spawn`
over an asynchronous driver.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.util import greenlet_spawn

from funland_server.storage.waiting_out import wait_out

if TYPE_CHECKING:
    from typing import TypeVarTuple

    from sqlalchemy import CursorResult, Executable
    from sqlalchemy.sql.selectable import TypedReturnsRows

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")
P = ParamSpec("P")


class AsyncConnection:
    """A connection in the hands of one task."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*Ts], parameters: Any = None
    ) -> CursorResult[*Ts]: ...

    @overload
    async def execute(
        self, statement: Executable, parameters: Any = None
    ) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Executes a statement. What it finds is here when it returns."""
        return await greenlet_spawn(self._connection.execute, statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row; None if there is no row."""
        return await greenlet_spawn(self._connection.scalar, statement, parameters)

    async def rollback(self) -> None:
        """Undoes the transaction."""
        await greenlet_spawn(self._connection.rollback)

    async def run_sync(
        self, work: Callable[Concatenate[Connection, P], T], *rest: P.args, **named: P.kwargs
    ) -> T:
        """Calls what takes SQLAlchemy's own connection, such as Alembic."""
        return await greenlet_spawn(work, self._connection, *rest, **named)


class AsyncEngine:
    """A pool of connections."""

    def __init__(self, engine: Engine) -> None:
        self.sync_engine = engine
        """SQLAlchemy's own, for its events."""

    def execution_options(self, **options: Any) -> AsyncEngine:
        """The same pool, for connections with these options."""
        return AsyncEngine(self.sync_engine.execution_options(**options))

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[AsyncConnection]:
        """A connection, which goes back when the block is left; what it did not commit is undone.
        A block that is cancelled waits until the connection is back."""
        connection = await greenlet_spawn(self.sync_engine.connect)
        try:
            yield AsyncConnection(connection)
        finally:
            await _to_its_end(greenlet_spawn(connection.close))

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in a transaction: committed when the block is left, undone by what the block
        raises."""
        async with self.connect() as connection:
            transaction = await connection.run_sync(Connection.begin)
            transaction.__enter__()
            try:
                yield connection
            except BaseException as error:
                await greenlet_spawn(transaction.__exit__, type(error), error, error.__traceback__)
                raise
            # Which commits, unless the block has undone it all.
            await greenlet_spawn(transaction.__exit__, None, None, None)

    async def dispose(self) -> None:
        """Ends all connections that nobody has."""
        await greenlet_spawn(self.sync_engine.dispose)


def create_async_engine(
    url: URL | str, *, connect: Callable[[], Awaitable[Any]] | None = None, **options: Any
) -> AsyncEngine:
    """Makes an engine. `connect` makes a connection of the driver's, in place of the URL; the other
    options are those of SQLAlchemy's `create_engine`."""
    if connect is not None:
        options["creator"] = lambda: _driver(engine).connect(async_creator_fn=connect)
    engine = create_engine(url, **options)
    return AsyncEngine(engine)


def _driver(engine: Engine) -> Any:
    """The module that SQLAlchemy makes of an asynchronous driver."""
    return engine.dialect.dbapi


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Does what must not be left half done by a caller that is cancelled meanwhile."""
    task = asyncio.create_task(work)
    told = await wait_out(task)
    task.result()
    if told is not None:
        raise told
