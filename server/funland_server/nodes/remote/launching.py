"""Starts a worker on another machine and waits until its model is loaded there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
import structlog

from funland.worker.v1.remote_pb2 import Listen
from funland.worker.v1.remote_pb2_grpc import RemoteServiceStub
from funland.worker.v1.worker_pb2 import Ready
from funland_server.nodes.remote.certificate import own_certificate
from funland_server.nodes.remote.files import Parcel, pack
from funland_server.nodes.remote.link import RemoteLink
from funland_server.nodes.remote.process import RemoteProcess
from funland_server.nodes.remote.starter import Started, Starter
from funland_server.nodes.remote.weights import BrokenLineError, send_weights
from funland_server.workers.errors import ModelLoadFailedError
from funland_server.workers.failures import from_wire
from funland_server.workers.process import LARGEST_MESSAGE, Told, untold
from funland_server.workers.spec import WorkerSpec

logger = structlog.get_logger(__name__)

_NAME: Final = "funland-worker"
"""In the certificates of all workers."""
_PATIENCE_SECONDS: Final = 30.0
_STALL_SECONDS: Final = 30.0
_PING_MS, _PING_TIMEOUT_MS = 1000, 5000
"""A machine that is gone closes no connection. Ray tells of it after 12 seconds."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where nodes keep weights."""

    folder: str
    """Empty: in the user's folder for caches."""
    limit_bytes: int


class RemoteLaunching:
    """Starts workers by a `Starter`, all with one certificate of this server."""

    def __init__(self, starter: Starter, shelf: Shelf) -> None:
        self._starter = starter
        self._shelf = shelf
        self._key, self._certificate = own_certificate()

    async def launch(
        self,
        spec: WorkerSpec,
        timeout_seconds: float,
        lost: Callable[[Started], None],
        told: Told = untold,
    ) -> RemoteProcess:
        """Starts a worker on the node that its spec names. The time that weights take on their way
        does not count, as long as they move. `lost` is called if it ends unasked once it is loaded,
        `told` with what it tells of its load.

        Raises:
            ModelLoadFailedError: It ended without a word; then its `crashed` is true.
            FunlandError: It said why it can't, its node does not answer, or it took too long.
        """
        token = secrets.token_urlsafe(32)
        try:
            parcel = await asyncio.to_thread(pack, spec, token)
        except OSError as error:
            raise ModelLoadFailedError(
                f"A file of model {spec.model_id!r} can't be read: {error.strerror}.",
                model=spec.model_id,
            ) from None
        while True:
            went = _Went()
            try:
                process = await self._try(spec, parcel, timeout_seconds, went, told)
            except BrokenLineError as error:
                logger.warning(
                    "weights_broke_off", model=spec.model_id, node=spec.node_id, why=str(error)
                )
                if not went.bytes:
                    raise _not_reached(spec) from None
                continue  # every try brings it nearer
            process.lost = lost
            return process

    async def _try(
        self, spec: WorkerSpec, parcel: Parcel, timeout_seconds: float, went: _Went, told: Told
    ) -> RemoteProcess:
        started = await self._starter.start(spec.node_id, self._listen())
        channel = self._connect(started)
        stub: Any = RemoteServiceStub(channel)
        link = RemoteLink(stub.Run)
        process = RemoteProcess(spec, started, channel, link, parcel.launch.launch.token)
        try:
            await self._send(stub, spec, parcel, went)
            async with asyncio.timeout(timeout_seconds):
                process.ready = await _start(stub, spec, parcel, started, told)
        except TimeoutError:
            await process.end()
            raise ModelLoadFailedError(
                f"Model {spec.model_id!r} was not loaded after {timeout_seconds:g} s"
                " (`load_timeout_seconds`).",
                model=spec.model_id,
            ) from None
        except BaseException:
            process.kill()
            await process.end()
            raise
        return process

    async def _send(self, stub: Any, spec: WorkerSpec, parcel: Parcel, went: _Went) -> None:
        sending = asyncio.create_task(
            send_weights(stub.TakeWeights, parcel, spec.model_id, went.more)
        )
        try:
            while not sending.done():
                before = went.bytes
                await asyncio.wait([sending], timeout=_STALL_SECONDS)
                if not sending.done() and went.bytes == before and before:
                    raise BrokenLineError("nothing moved")
            await sending
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    def _listen(self) -> Listen:
        return Listen(
            server_certificate=self._certificate.decode(),
            weights_folder=self._shelf.folder,
            weights_limit_bytes=self._shelf.limit_bytes,
            patience_seconds=_PATIENCE_SECONDS,
        )

    def _connect(self, started: Started) -> grpc.aio.Channel:
        host = f"[{started.host}]" if ":" in started.host else started.host
        return grpc.aio.secure_channel(
            f"{host}:{started.listening.port}",
            grpc.ssl_channel_credentials(
                root_certificates=started.listening.certificate.encode(),
                private_key=self._key,
                certificate_chain=self._certificate,
            ),
            options=[
                ("grpc.ssl_target_name_override", _NAME),
                ("grpc.max_receive_message_length", LARGEST_MESSAGE),
                ("grpc.max_send_message_length", LARGEST_MESSAGE),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_http_proxy", 0),
                ("grpc.keepalive_time_ms", _PING_MS),
                ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
                # Without it a ping may be a minute without an answer.
                ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_pings_without_data", 0),
                ("grpc.http2.max_ping_strikes", 0),
            ],
        )


class _Went:
    """How much went over the line."""

    def __init__(self) -> None:
        self.bytes = 0

    def more(self, size: int) -> None:
        self.bytes += size


async def _start(
    stub: Any, spec: WorkerSpec, parcel: Parcel, started: Started, told: Told
) -> Ready:
    try:
        async for handshake in stub.Start(parcel.launch):
            match handshake.WhichOneof("outcome"):
                case "ready":
                    return handshake.ready
                case "failure":
                    raise from_wire(handshake.failure, spec.model_id)
                case _:
                    told(handshake.progress)
    except grpc.aio.AioRpcError:
        pass  # it ended, or its machine did
    how = await started.how_it_ended()
    if how is None:
        raise _not_reached(spec)
    crashed = ModelLoadFailedError(
        f"The process that loaded model {spec.model_id!r} on node {spec.node_id!r} ended with"
        f" {how}: the file may be damaged, or the memory too small.",
        model=spec.model_id,
    )
    crashed.crashed = True
    raise crashed


def _not_reached(spec: WorkerSpec) -> ModelLoadFailedError:
    return ModelLoadFailedError(
        f"Node {spec.node_id!r} did not answer while it loaded model {spec.model_id!r}.",
        model=spec.model_id,
    )
