"""Shows deployments as they change."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf import empty_pb2

from funland.v1.deployments_pb2 import DeploymentEvent, WatchDeploymentsRequest
from funland_server.changes import Changes
from funland_server.deployments.endpoints import Gateways
from funland_server.deployments.roster import Roster


class Watching:
    """Watches the deployments of a roster whose changes are published to `changes`."""

    def __init__(self, roster: Roster, gateways: Gateways, changes: Changes) -> None:
        self._roster = roster
        self._gateways = gateways
        self._changes = changes

    async def events(self, request: WatchDeploymentsRequest) -> AsyncGenerator[DeploymentEvent]:
        """All that is asked for as it is, then what changes. A reader that is slow finds each
        deployment once, as it then is.

        Raises:
            DeploymentNotFoundError: There is none of that id or name.
            ServerStoppingError: The server stops.
        """
        name = request.deployment_id
        only = self._roster.get(name).deployment_id if name else ""
        async with aclosing(self._changes.watch()) as changes:
            await anext(changes)  # from here on, no change is missed
            with self._gateways.watching(request.endpoint_urls):
                for deployed in reversed([*self._roster]):
                    if only in ("", deployed.deployment_id):
                        yield DeploymentEvent(deployment=self._roster.present(deployed))
                yield DeploymentEvent(synced=empty_pb2.Empty())
                async for deployment_id in changes:
                    if only in ("", deployment_id):
                        yield self._event(deployment_id)

    def _event(self, deployment_id: str) -> DeploymentEvent:
        deployed = self._roster.find(deployment_id)
        if deployed is None:
            return DeploymentEvent(deleted_deployment_id=deployment_id)
        return DeploymentEvent(deployment=self._roster.present(deployed))
