"""Work on the disk: done to its end, and its troubles in the words of storage."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from funland_server.storage.waiting_out import wait_out

P = ParamSpec("P")
T = TypeVar("T")

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def to_its_end(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Does in a thread what blocks. A caller that is cancelled waits for its end, so that nothing
    goes on behind its back.

    Raises:
        StorageFullError: The disk has no room.
        StorageUnavailableError: The disk can't be used.
    """
    task = asyncio.create_task(asyncio.to_thread(work, *args, **options))
    told = await wait_out(task)
    if told is not None:
        if not task.cancelled():
            task.exception()  # asyncio tells of one that nobody asked for
        raise told
    with as_storage_errors():
        return task.result()


@contextmanager
def as_storage_errors() -> Generator[None]:
    """Raises OSError as an error of storage; FileNotFoundError stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        raise StorageUnavailableError(
            f"The files of the home can't be used ({error.strerror or type(error).__name__})."
        ) from error
