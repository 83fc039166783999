"""Sees to it that a worker on another machine has the files of its model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Final

from funland.worker.v1.remote_pb2 import WeightsChunk, WeightsFile, WeightsState
from funland_server.nodes.remote.files import Parcel
from funland_server.workers.errors import ModelLoadFailedError
from funland_server.workers.failures import from_wire

_CHUNK: Final = 1024**2


async def send_weights(
    take: Any, parcel: Parcel, model_id: str, sent: Callable[[int], None]
) -> None:
    """Sends what is not there yet, one file after the other. `take` is the method
    `RemoteService.TakeWeights`, `sent` is told of bytes that went.

    Raises:
        FunlandError: The other machine can't keep a file, or a file here can't be read.
        grpc.aio.AioRpcError: The line broke. What went is not sent again.
    """
    files = {file.sha256: file for file in parcel.launch.files.values()}
    for sha256 in sorted(files):  # two workers that want the same files never wait in a ring
        await _send(take, files[sha256], parcel.paths[sha256], model_id, sent)


async def _send(
    take: Any, file: WeightsFile, path: Path, model_id: str, sent: Callable[[int], None]
) -> None:
    rest: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def chunks() -> AsyncGenerator[WeightsChunk]:
        yield WeightsChunk(file=file)
        at = await rest
        with path.open("rb") as reader:
            reader.seek(at)
            while data := await asyncio.to_thread(reader.read, _CHUNK):
                yield WeightsChunk(data=data)
                sent(len(data))

    call = take(chunks())
    try:
        async for state in call:
            if _is_whole(state, model_id):
                return
            rest.set_result(state.present_bytes)
    except OSError as error:
        raise ModelLoadFailedError(
            f"A file of model {model_id!r} can't be read: {error.strerror}.", model=model_id
        ) from error
    finally:
        call.cancel()
        if not rest.done():
            rest.cancel()
    raise ModelLoadFailedError(
        f"The node of model {model_id!r} did not take a file.", model=model_id
    )


def _is_whole(state: WeightsState, model_id: str) -> bool:
    if state.HasField("failure"):
        raise from_wire(state.failure, model_id)
    return state.HasField("whole")
