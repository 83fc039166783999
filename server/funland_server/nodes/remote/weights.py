"""Sees to it that a worker on another machine has the files of its model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Final

import grpc.aio

from funland.worker.v1.remote_pb2 import WeightsChunk, WeightsFile
from funland_server.nodes.remote.files import Parcel
from funland_server.workers.errors import ModelLoadFailedError
from funland_server.workers.failures import from_wire

_CHUNK: Final = 1024**2


class BrokenLineError(Exception):
    """The connection broke while weights went over it; what went need not go again."""


async def send_weights(
    take: Any, parcel: Parcel, model_id: str, sent: Callable[[int], None]
) -> None:
    """Sends what is not there yet, one file after the other. `take` is the method
    `RemoteService.TakeWeights`, `sent` is told of bytes that went.

    Raises:
        FunlandError: The other machine can't keep a file, or a file here can't be read.
        BrokenLineError: See there.
    """
    files = {file.sha256: file for file in parcel.launch.files.values()}
    for sha256 in sorted(files):  # two workers that want the same files never wait in a ring
        await _Sending(files[sha256], parcel.paths[sha256], model_id, sent).run(take)


class _Sending:
    """One file on its way."""

    def __init__(
        self, file: WeightsFile, path: Path, model_id: str, sent: Callable[[int], None]
    ) -> None:
        self._file = file
        self._path = path
        self._model_id = model_id
        self._sent = sent
        self._present: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._unread: OSError | None = None

    async def run(self, take: Any) -> None:
        """Sends it; raises as `send_weights`."""
        call = take(self._chunks())
        try:
            async for state in call:
                if state.HasField("failure"):
                    raise from_wire(state.failure, self._model_id)
                if state.HasField("whole"):
                    return
                self._present.set_result(state.present_bytes)
        except grpc.aio.AioRpcError as error:
            raise BrokenLineError(error.details()) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Not who sends was cancelled, the call was: what it sends could not be read.
        finally:
            call.cancel()
            self._present.cancel()
        why = self._unread.strerror if self._unread is not None else "its node did not take it"
        raise ModelLoadFailedError(
            f"A file of model {self._model_id!r} can't be sent: {why}.", model=self._model_id
        )

    async def _chunks(self) -> AsyncGenerator[WeightsChunk]:
        yield WeightsChunk(file=self._file)
        at = await self._present
        try:
            with self._path.open("rb") as reader:
                reader.seek(at)
                while data := await asyncio.to_thread(reader.read, _CHUNK):
                    yield WeightsChunk(data=data)
                    self._sent(len(data))
        except OSError as error:
            self._unread = error
            raise  # ends the call
