"""The nodes of a cluster as places for workers: Ray starts them, all else goes over our line."""

from __future__ import annotations

import asyncio
from functools import partial

from funland_server.nodes.cluster.cluster import Cluster
from funland_server.nodes.node import Node
from funland_server.nodes.own import own_node
from funland_server.nodes.remote.launching import RemoteLaunching, Shelf
from funland_server.workers.process import Told, WorkerProcess, untold
from funland_server.workers.spec import WorkerSpec

_PATIENCE_SECONDS = 10.0


class ClusterNodes:
    """See `funland_server.nodes.placement.Elsewhere`."""

    def __init__(self, cluster: Cluster, shelf: Shelf) -> None:
        self._cluster = cluster
        self._launching = RemoteLaunching(cluster, shelf)

    async def nodes(self) -> list[Node]:
        """See `Elsewhere`."""
        return [await asyncio.to_thread(own_node), *await self._cluster.nodes()]

    async def settled(self) -> bool:
        """See `Elsewhere`."""
        return await self._cluster.settled(_PATIENCE_SECONDS)

    async def launch(
        self, spec: WorkerSpec, timeout_seconds: float, told: Told = untold
    ) -> WorkerProcess:
        """See `Elsewhere`."""
        lost = partial(self._cluster.lost, spec.node_id)
        return await self._launching.launch(spec, timeout_seconds, lost, told)
