"""The deployments of one home in memory."""

from __future__ import annotations

from collections.abc import Iterator

from funland.v1.deployments_pb2 import Deployment
from funland_server.deployments.deployed import Deployed
from funland_server.deployments.endpoints import Gateways, shown
from funland_server.deployments.errors import DeploymentNotFoundError


class Roster:
    """Every deployment that is kept."""

    def __init__(self, gateways: Gateways) -> None:
        self._by_id: dict[str, Deployed] = {}
        self._gateways = gateways
        self._last_arrival = 0

    def __iter__(self) -> Iterator[Deployed]:
        """Those there are now, in order of arrival."""
        return iter(list(self._by_id.values()))

    def add(self, deployed: Deployed) -> None:
        """Takes one in, later than all before it."""
        self._by_id[deployed.deployment_id] = deployed
        self._last_arrival = max(self._last_arrival, deployed.arrival)

    def next_arrival(self, now: int) -> int:
        """The number of the next to arrive: the time, unless the clock has jumped back."""
        return max(now, self._last_arrival + 1)

    def remove(self, deployed: Deployed) -> None:
        """Forgets one; one that is not there is no error."""
        self._by_id.pop(deployed.deployment_id, None)

    def find(self, name: str) -> Deployed | None:
        """The deployment of that id or name; None if there is none."""
        if found := self._by_id.get(name):
            return found
        return next((one for one in self if name and one.kept.name == name), None)

    def get(self, name: str) -> Deployed:
        """The deployment of that id or name; raises DeploymentNotFoundError."""
        if (found := self.find(name)) is None:
            raise DeploymentNotFoundError(name)
        return found

    def present(self, deployed: Deployed) -> Deployment:
        """A deployment as it is now."""
        told = Deployment()
        told.CopyFrom(deployed.kept)
        endpoint = shown(told.port, told.state, deployed.reported, self._gateways)
        told.endpoint_url, told.endpoint_error = endpoint.url, endpoint.error
        told.processes.extend(slot.present() for slot in deployed.slots)
        told.processes.extend(slot.present(leaving=True) for slot in deployed.leaving)
        return told
