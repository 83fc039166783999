"""Opens a port for each deployment that is to have one, and closes it with the deployment."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from urllib.parse import urlsplit

import grpc
import grpc.aio
import structlog

from funland.v1 import deployments_pb2
from funland.v1.deployments_pb2 import Deployment, DeploymentEvent
from funland_gateway.calls import AUTHORIZATION
from funland_gateway.channel import Channel, Metadata
from funland_gateway.dialects.dialect import Dialect
from funland_gateway.dialects.openai.deployed import Deployed, deployed_dialect
from funland_gateway.dialects.rpcs import (
    GET_DEPLOYMENT_MODEL,
    REPORT_DEPLOYMENT_ENDPOINT,
    WATCH_DEPLOYMENTS,
)
from funland_gateway.opening import Do, Opened, Stand, what_to_do
from funland_gateway.ports import Port

_log = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 2.0
"""After so long a port that could not be opened is tried again, and a server that is away asked."""
_CALL_SECONDS: Final = 10.0
_WHY: Final = {
    errno.EADDRINUSE: "another program listens there",
    errno.EACCES: "this user may not listen there",
}

MakePort = Callable[[str, int, Dialect], Port]
"""A port that does not listen yet, of a name, for a dialect."""


@dataclass(slots=True)
class _Endpoint:
    opened: Opened
    port: Port | None = None
    told: tuple[str, str] = ("", "")
    """The URL and the error that the server is to know."""


@dataclass(slots=True)
class _Server:
    """What is known of the server's deployments."""

    deployments: dict[str, Deployment] = field(default_factory=dict[str, Deployment])
    reported: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """What it was told of which."""


class Endpoints:
    """The ports of one server's deployments at one gateway."""

    def __init__(
        self,
        channel: Channel,
        make_port: MakePort,
        common_urls: Callable[[], list[str]],
        *,
        authorization: str = "",
    ) -> None:
        """`common_urls` are where all models are answered; it is asked when those ports listen.
        `authorization` says to the server who asks."""
        self._who: Metadata = ((AUTHORIZATION, authorization),) if authorization else ()
        self._channel = channel
        self._make_port = make_port
        self._common_urls = common_urls
        self._server = _Server()
        self._endpoints: dict[str, _Endpoint] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Opens and closes from now on. Beginning twice is no error."""
        if not self._tasks:
            work = (self._follow(), self._keep())
            self._tasks = [asyncio.create_task(one) for one in work]

    def rest(self) -> None:
        """Opens nothing more, and takes no more connections."""
        for task in self._tasks:
            task.cancel()
        for endpoint in self._endpoints.values():
            if endpoint.port is not None:
                endpoint.port.close()

    async def end(self) -> None:
        """Cancels what still runs. Ending twice is no error."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        ports = [one.port for one in self._endpoints.values() if one.port is not None]
        self._endpoints.clear()
        await asyncio.gather(*(port.end() for port in ports))

    async def _follow(self) -> None:
        """Keeps what is known of the server as it is, whenever the server is there."""
        while True:
            try:
                await self._watch()
            except grpc.aio.AioRpcError as error:
                if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                    return  # an older server, which has none
                _log.debug("deployments_not_watched", code=error.code().name)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _watch(self) -> None:
        request = deployments_pb2.WatchDeploymentsRequest(endpoint_urls=self._common_urls())
        found: dict[str, Deployment] = {}
        synced = False
        async with self._channel.stream(WATCH_DEPLOYMENTS, request, self._who, None) as events:
            async for event in events:
                _take(found, cast("DeploymentEvent", event))
                if cast("DeploymentEvent", event).HasField("synced"):
                    # What it was told before may be forgotten: it may have been another process.
                    self._server = _Server(found)
                    synced = True
                if synced:
                    self._changed.set()

    async def _keep(self) -> None:
        """Does what is to be done whenever something has changed."""
        while True:
            failed = any(one.opened.stand is Stand.FAILED for one in self._endpoints.values())
            again = False
            try:
                async with asyncio.timeout(_AGAIN_SECONDS if failed else None):
                    await self._changed.wait()
            except TimeoutError:
                again = True
            self._changed.clear()
            server, common = self._server, _ports(self._common_urls())
            for deployment_id in {*server.deployments, *self._endpoints}:
                deployment = server.deployments.get(deployment_id)
                try:
                    await self._look(deployment_id, deployment, common, again=again)
                    if deployment is not None:
                        await self._report(server, deployment_id)
                except Exception:  # a defect: the others' ports are none the worse for it
                    _log.exception("endpoint_failed", deployment_id=deployment_id)

    async def _look(
        self, deployment_id: str, deployment: Deployment | None, common: Collection[int],
        *, again: bool,
    ) -> None:  # fmt: skip
        while True:
            endpoint = self._endpoints.get(deployment_id)
            opened = None if endpoint is None else endpoint.opened
            match what_to_do(deployment, opened, common, again=again):
                case Do.OPEN if deployment is not None:
                    self._endpoints[deployment_id] = await self._open(deployment)
                    return
                case Do.REST if endpoint is not None:
                    if endpoint.port is not None:
                        endpoint.port.close()
                    endpoint.opened = replace(endpoint.opened, stand=Stand.RESTING)
                    endpoint.told = ("", "")
                case Do.END if endpoint is not None:
                    del self._endpoints[deployment_id]
                    if endpoint.port is not None:
                        endpoint.port.close()
                        await endpoint.port.end()
                        _log.info("endpoint_closed", deployment_id=deployment_id)
                case _:
                    return

    async def _open(self, deployment: Deployment) -> _Endpoint:
        failed = _Endpoint(Opened(deployment.port, Stand.FAILED))
        try:
            dialect = deployed_dialect(await self._deployed(deployment))
        except grpc.aio.AioRpcError as error:
            return replace(failed, told=("", error.details() or error.code().name))
        port = self._make_port(
            deployment.name or deployment.deployment_id, deployment.port, dialect
        )
        try:
            await port.start()
        except OSError as error:
            why = _WHY.get(error.errno or 0) or error.strerror or "it can't be listened at"
            _log.warning("endpoint_not_opened", port=deployment.port, reason=why)
            return replace(failed, told=("", f"{port.host}:{deployment.port}: {why}."))
        opened = Opened(deployment.port, Stand.OPEN)
        return _Endpoint(opened, port, told=(port.url, ""))

    async def _deployed(self, deployment: Deployment) -> Deployed:
        """A deployment with its names, as the server tells them."""
        request = deployments_pb2.GetDeploymentModelRequest(deployment_id=deployment.deployment_id)
        told: Any = await self._channel.unary(
            GET_DEPLOYMENT_MODEL, request, self._who, _CALL_SECONDS
        )
        names = dict.fromkeys((deployment.name, *told.names))
        return Deployed(deployment.deployment_id, [name for name in names if name])

    async def _report(self, server: _Server, deployment_id: str) -> None:
        """Tells the server what it does not know."""
        endpoint = self._endpoints.get(deployment_id)
        url, error = told = ("", "") if endpoint is None else endpoint.told
        shown = server.deployments.get(deployment_id)
        # It forgets what it was told when a run ends, which may pass unseen here.
        forgotten = (
            shown is not None
            and shown.state == Deployment.RUNNING
            and bool(url or error)
            and not (shown.endpoint_url or shown.endpoint_error)
        )
        if server.reported.get(deployment_id, ("", "")) == told and not forgotten:
            return
        request = deployments_pb2.ReportDeploymentEndpointRequest(
            deployment_id=deployment_id, url=url, error=error
        )
        # A server that is gone is told when it is back; one that has forgotten the deployment
        # need not be.
        with suppress(grpc.aio.AioRpcError):
            await self._channel.unary(REPORT_DEPLOYMENT_ENDPOINT, request, self._who, _CALL_SECONDS)
            server.reported[deployment_id] = told


def _take(deployments: dict[str, Deployment], event: DeploymentEvent) -> None:
    match event.WhichOneof("event"):
        case "deployment":
            deployments[event.deployment.deployment_id] = event.deployment
        case "deleted_deployment_id":
            deployments.pop(event.deleted_deployment_id, None)
        case _:
            pass


def _ports(urls: list[str]) -> set[int]:
    return {port for url in urls if (port := urlsplit(url).port) is not None}
