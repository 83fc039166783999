"""The machines that hold models."""

from __future__ import annotations

from funland.v1 import nodes_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.live import Live
from funland_server.nodes.service import NodeService


class Nodes(Domain):
    """The server's own machine, and those of a cluster."""

    def __init__(self, settings: Live[ServerSettings]) -> None:
        self._settings = settings

    def services(self) -> list[Service]:
        """Answers `NodeService`."""
        return [(nodes_pb2.DESCRIPTOR.services_by_name["NodeService"], NodeService())]
