"""Models that stay in memory under a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeAlias, Unpack

from funland.v1.deployments_pb2 import (
    DeleteDeploymentRequest,
    Deployment,
    DeploymentEvent,
    DeploymentHealth,
    DeploymentModel,
    GetDeploymentHealthRequest,
    GetDeploymentLogsRequest,
    GetDeploymentModelRequest,
    GetDeploymentRequest,
    LogLine,
    RestartDeploymentRequest,
    StopDeploymentRequest,
    WatchDeploymentLogsRequest,
    WatchDeploymentsRequest,
)
from funland.v1.deployments_pb2_grpc import DeploymentServiceStub
from funland_client import deployment_requests
from funland_client.arguments import DeploymentArguments, DeploymentState
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.deployed import check_end, failure, is_settled, seen
from funland_client.errors import FunlandError

Lines: TypeAlias = Sequence[LogLine]


class AsyncDeployments:
    """Models that stay in memory under a name, as `client.deployments`.

    A deployment is named by its id or its name.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = DeploymentServiceStub(connection.channel)

    async def run(
        self, model: str, **arguments: Unpack[DeploymentArguments]
    ) -> AsyncGenerator[Deployment]:
        """Deploys a model: gives the deployment again and again until it runs.

        Begins with the loop's first step. Otherwise as `follow`.
        """
        started = await self.start(model, **arguments)
        yield started
        if not is_settled(started):
            async for deployment in self.follow(started.deployment_id):
                yield deployment
        elif (error := failure(started)) is not None:
            raise error

    async def follow(self, deployment_id: str) -> AsyncGenerator[Deployment]:
        """Gives a deployment as it is now, then again when it changes, until it runs.

        Raises the error of one that fails, DeploymentNotRunningError for one that is stopped and
        DeploymentNotFoundError for one that is deleted. Who leaves the loop does not stop it. A
        connection that is lost is made again, as often after each event as `retries` says; there is
        no timeout.
        """
        request = WatchDeploymentsRequest(deployment_id=deployment_id)
        attempts = self._connection.attempts()
        deployment: Deployment | None = None
        while not is_settled(deployment):
            events = self._connection.stream(
                self._stub.WatchDeployments, request, endless=True, once=True
            )
            try:
                async with events:
                    async for event in events:
                        attempts = self._connection.attempts()
                        if (now := seen(event, deployment_id)) is not None:
                            deployment = now
                            yield now
                        if is_settled(deployment):
                            break
                check_end(deployment)
            except FunlandError as error:
                if (seconds := attempts.pause(error)) is None:
                    raise
                await asyncio.sleep(seconds)
        if deployment is not None and (error := failure(deployment)) is not None:
            raise error

    async def wait(self, deployment_id: str) -> Deployment:
        """Waits until a deployment runs, and gives it; raises as `follow`."""
        found = await self.get(deployment_id)
        async for deployment in self.follow(deployment_id):
            found = deployment
        return found

    async def start(self, model: str, **arguments: Unpack[DeploymentArguments]) -> Deployment:
        """Begins a deployment, and gives it at once; `follow` and `wait` tell when it runs.

        A model that is not installed is downloaded under this name, as `downloads.start` has it,
        unless `download` is false.
        """
        request = deployment_requests.start(model, arguments)
        return await self._connection.call(self._stub.StartDeployment, request, once=True)

    async def get(self, deployment_id: str) -> Deployment:
        """Gets a deployment."""
        request = GetDeploymentRequest(deployment_id=deployment_id)
        return await self._connection.call(self._stub.GetDeployment, request)

    async def list(self, *, states: Sequence[DeploymentState] = ()) -> list[Deployment]:
        """Gets every deployment, the newest first: those in one of the `states`, if any are
        named."""
        deployments: list[Deployment] = []
        request = deployment_requests.listed(states)
        while True:
            page = await self._connection.call(self._stub.ListDeployments, request)
            deployments.extend(page.deployments)
            if not page.next_page_token:
                return deployments
            request.page_token = page.next_page_token

    async def stop(self, deployment_id: str, *, force: bool = False) -> Deployment:
        """Takes a deployment out of memory and keeps it; its calls go on to their end, unless
        `force`."""
        request = StopDeploymentRequest(deployment_id=deployment_id, force=force)
        return await self._connection.call(self._stub.StopDeployment, request)

    async def restart(self, deployment_id: str) -> Deployment:
        """Ends a deployment's processes, if it has some, and starts it anew."""
        request = RestartDeploymentRequest(deployment_id=deployment_id)
        return await self._connection.call(self._stub.RestartDeployment, request, once=True)

    async def delete(self, deployment_id: str) -> None:
        """Stops a deployment and forgets it, its log included; the model stays installed."""
        request = DeleteDeploymentRequest(deployment_id=deployment_id)
        await self._connection.call(self._stub.DeleteDeployment, request, once=True)

    async def logs(self, deployment_id: str, *, lines: int = 0) -> Lines:
        """Gets the last lines of a deployment's log, oldest first; 0: the server's number."""
        request = GetDeploymentLogsRequest(deployment_id=deployment_id, lines=lines)
        response = await self._connection.call(self._stub.GetDeploymentLogs, request)
        return [*response.lines]

    async def follow_logs(
        self, deployment_id: str, *, lines: int | None = None, after: int = 0
    ) -> AsyncGenerator[LogLine]:
        """Gives the last lines of a deployment's log, or those after the number `after`, then those
        that come, until the deployment is deleted.

        A connection that is lost is made again, as often after each line as `retries` says, and no
        line comes twice; there is no timeout.
        """
        attempts = self._connection.attempts()
        while True:
            request = WatchDeploymentLogsRequest(
                deployment_id=deployment_id, lines=lines, after=after
            )
            events = self._connection.stream(
                self._stub.WatchDeploymentLogs, request, endless=True, once=True
            )
            try:
                async with events:
                    async for line in events:
                        attempts = self._connection.attempts()
                        after = line.number
                        yield line
            except FunlandError as error:
                if (seconds := attempts.pause(error)) is None:
                    raise
                await asyncio.sleep(seconds)
            else:
                return

    async def health(self, deployment_id: str) -> DeploymentHealth:
        """Asks each process of a deployment whether it answers; may take a second."""
        request = GetDeploymentHealthRequest(deployment_id=deployment_id)
        return await self._connection.call(self._stub.GetDeploymentHealth, request)

    async def model(self, deployment_id: str) -> DeploymentModel:
        """Tells what is deployed."""
        request = GetDeploymentModelRequest(deployment_id=deployment_id)
        return await self._connection.call(self._stub.GetDeploymentModel, request)

    def watch(self, deployment_id: str = "") -> AsyncEventStream[DeploymentEvent]:
        """Gives every deployment, or one, as it is now, then again when it changes; has no timeout.

        Never ends by itself: `follow` does when the deployment runs.
        """
        request = WatchDeploymentsRequest(deployment_id=deployment_id)
        return self._connection.stream(self._stub.WatchDeployments, request, endless=True)
