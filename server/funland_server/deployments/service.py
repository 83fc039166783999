"""`funland.v1.DeploymentService`: the wire on one side, what is deployed on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf import empty_pb2

from funland.v1 import deployments_pb2


class DeploymentService:
    """Answers the RPCs of `DeploymentService`; see `deployments.proto`."""

    async def StartDeployment(
        self, request: deployments_pb2.StartDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def GetDeployment(
        self, request: deployments_pb2.GetDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def ListDeployments(
        self, request: deployments_pb2.ListDeploymentsRequest
    ) -> deployments_pb2.ListDeploymentsResponse:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def StopDeployment(
        self, request: deployments_pb2.StopDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def RestartDeployment(
        self, request: deployments_pb2.RestartDeploymentRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def DeleteDeployment(
        self, request: deployments_pb2.DeleteDeploymentRequest
    ) -> empty_pb2.Empty:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def GetDeploymentLogs(
        self, request: deployments_pb2.GetDeploymentLogsRequest
    ) -> deployments_pb2.GetDeploymentLogsResponse:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def WatchDeploymentLogs(
        self, request: deployments_pb2.WatchDeploymentLogsRequest
    ) -> AsyncGenerator[deployments_pb2.LogLine]:
        """See `deployments.proto`."""
        raise NotImplementedError
        yield  # a stream

    async def GetDeploymentHealth(
        self, request: deployments_pb2.GetDeploymentHealthRequest
    ) -> deployments_pb2.DeploymentHealth:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def GetDeploymentModel(
        self, request: deployments_pb2.GetDeploymentModelRequest
    ) -> deployments_pb2.DeploymentModel:
        """See `deployments.proto`."""
        raise NotImplementedError

    async def WatchDeployments(
        self, request: deployments_pb2.WatchDeploymentsRequest
    ) -> AsyncGenerator[deployments_pb2.DeploymentEvent]:
        """See `deployments.proto`."""
        raise NotImplementedError
        yield  # a stream

    async def ReportDeploymentEndpoint(
        self, request: deployments_pb2.ReportDeploymentEndpointRequest
    ) -> deployments_pb2.Deployment:
        """See `deployments.proto`."""
        raise NotImplementedError
