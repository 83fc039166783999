"""The machines that hold models."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING

from funland.v1 import nodes_pb2
from funland.v1.system_pb2 import PartHealth
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.errors import StartError
from funland_server.home_id import home_id
from funland_server.live import Live
from funland_server.nodes.node import Node
from funland_server.nodes.own import own_node
from funland_server.nodes.placement import Placement
from funland_server.nodes.service import NodeService

if TYPE_CHECKING:
    from funland_server.nodes.cluster.cluster import Cluster

_EXTRA = ("ray", "cryptography")


class Nodes(Domain):
    """The server's own machine, and those of a cluster."""

    def __init__(self, settings: Live[ServerSettings]) -> None:
        self._settings = settings
        self._cluster: Cluster | None = None
        self.placement = Placement()
        """Starts workers."""

    async def start(self) -> None:
        """Joins the cluster, if there is one; that it does not answer is no reason not to start.

        Raises:
            StartError: The settings want a cluster, and what it takes is not installed.
        """
        if self._settings.now.placement == "ray":
            self._check()
            await self._join()

    def services(self) -> list[Service]:
        """Answers `NodeService`."""
        service = NodeService(self._nodes, self.placement.held)
        return [(nodes_pb2.DESCRIPTOR.services_by_name["NodeService"], service)]

    def health(self) -> dict[str, Probe]:
        """`cluster`, if there is one: unwell if a node does not answer, or none does."""
        return {} if self._settings.now.placement == "local" else {"cluster": self._health}

    async def stop(self) -> None:
        """Leaves the cluster."""
        if self._cluster is not None:
            await self._cluster.close()

    def _check(self) -> None:
        if missing := [name for name in _EXTRA if find_spec(name) is None]:
            raise StartError(
                f'server.placement is "ray", and {" and ".join(missing)} is not installed:'
                " pip install 'funland[cluster]'."
            )

    async def _join(self) -> None:
        # Only who has a cluster has what it takes installed.
        from funland_server.nodes.cluster.client import Joining  # noqa: PLC0415
        from funland_server.nodes.cluster.cluster import Cluster  # noqa: PLC0415
        from funland_server.nodes.cluster.elsewhere import ClusterNodes  # noqa: PLC0415
        from funland_server.nodes.remote.launching import Shelf  # noqa: PLC0415

        settings = self._settings.now
        namespace = f"funland-{await asyncio.to_thread(home_id, settings.home)}"
        joining = Joining(settings.ray_address or "", namespace, str(settings.ray_token_path or ""))
        self._cluster = Cluster(lambda: joining)
        shelf = Shelf(str(settings.node_weights_path or ""), settings.node_weights_bytes)
        self.placement.elsewhere = ClusterNodes(self._cluster, shelf)
        self._cluster.begin()

    async def _nodes(self) -> list[Node]:
        if self.placement.elsewhere is None:
            return [await asyncio.to_thread(own_node)]
        return await self.placement.elsewhere.nodes()

    async def _health(self) -> Health:
        if self._cluster is None:
            return Health()
        if trouble := self._cluster.trouble:
            return Health(PartHealth.FAILED, f"The cluster does not answer: {trouble}")
        if suspects := self._cluster.suspects:
            return Health(PartHealth.DEGRADED, f"Nodes that don't answer: {', '.join(suspects)}.")
        return Health()
