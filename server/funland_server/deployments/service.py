"""`funland.v1.DeploymentService`: the wire on one side, what is deployed on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf import empty_pb2

from funland.v1 import deployments_pb2
from funland_server.deployments.control import Control
from funland_server.deployments.describing import Describing
from funland_server.deployments.endpoints import Endpoint
from funland_server.deployments.health import health_of
from funland_server.deployments.listing import page
from funland_server.deployments.roster import Roster
from funland_server.deployments.watching import Watching

_LINES = 100


class DeploymentService:
    """Answers the RPCs of `DeploymentService`; see `deployments.proto`."""

    def __init__(
        self, control: Control, roster: Roster, watching: Watching, describing: Describing
    ) -> None:
        self._control = control
        self._roster = roster
        self._watching = watching
        self._describing = describing

    async def StartDeployment(
        self, request: deployments_pb2.StartDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        return await self._control.start(request)

    async def GetDeployment(
        self, request: deployments_pb2.GetDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        return self._roster.present(self._roster.get(request.deployment_id))

    async def ListDeployments(
        self, request: deployments_pb2.ListDeploymentsRequest
    ) -> deployments_pb2.ListDeploymentsResponse:
        """See `deployments.proto`."""
        return page(self._roster, request)

    async def StopDeployment(
        self, request: deployments_pb2.StopDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        return await self._control.stop(request.deployment_id, force=request.force)

    async def RestartDeployment(
        self, request: deployments_pb2.RestartDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        return await self._control.restart(request.deployment_id)

    async def DeleteDeployment(
        self, request: deployments_pb2.DeleteDeploymentRequest
    ) -> empty_pb2.Empty:
        """See `deployments.proto`."""
        await self._control.delete(request.deployment_id)
        return empty_pb2.Empty()

    async def GetDeploymentLogs(
        self, request: deployments_pb2.GetDeploymentLogsRequest
    ) -> deployments_pb2.GetDeploymentLogsResponse:
        """See `deployments.proto`."""
        log = self._roster.get(request.deployment_id).log
        lines = await log.tail(request.lines or _LINES)
        return deployments_pb2.GetDeploymentLogsResponse(lines=lines)

    async def WatchDeploymentLogs(
        self, request: deployments_pb2.WatchDeploymentLogsRequest
    ) -> AsyncGenerator[deployments_pb2.LogLine]:
        """See `deployments.proto`."""
        log = self._roster.get(request.deployment_id).log
        count = request.lines if request.HasField("lines") else _LINES
        async with aclosing(log.follow(count, request.after)) as lines:
            async for line in lines:
                yield line

    async def GetDeploymentHealth(
        self, request: deployments_pb2.GetDeploymentHealthRequest
    ) -> deployments_pb2.DeploymentHealth:
        """See `deployments.proto`."""
        return await health_of(self._roster.get(request.deployment_id), self._roster)

    async def GetDeploymentModel(
        self, request: deployments_pb2.GetDeploymentModelRequest
    ) -> deployments_pb2.DeploymentModel:
        """See `deployments.proto`."""
        return self._describing.model(self._roster.get(request.deployment_id))

    async def WatchDeployments(
        self, request: deployments_pb2.WatchDeploymentsRequest
    ) -> AsyncGenerator[deployments_pb2.DeploymentEvent]:
        """See `deployments.proto`."""
        async with aclosing(self._watching.events(request)) as events:
            async for event in events:
                yield event

    async def ReportDeploymentEndpoint(
        self, request: deployments_pb2.ReportDeploymentEndpointRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        endpoint = Endpoint(request.url, request.error)
        return await self._control.report(request.deployment_id, endpoint)
