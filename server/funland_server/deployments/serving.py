"""Which names deployments answer to."""

from __future__ import annotations

from functools import partial

from funland_server.deployments.calls import DeploymentCalls
from funland_server.deployments.deployed import Deployed
from funland_server.deployments.roster import Roster
from funland_server.models.loading.served import ServedNames
from funland_server.workers.callee import Callee


class Serving:
    """Each deployment answers to its id and its name. Of those of a model that run, the oldest also
    answers to the model."""

    def __init__(self, roster: Roster, served: ServedNames) -> None:
        self._roster = roster
        self._served = served
        self._names: set[str] = set()

    def look(self) -> None:
        """Has each name answered by whom it belongs to now."""
        by_name = {name: deployed for deployed in self._roster for name in deployed.names}
        for deployed in self._roster:
            if deployed.answers:
                by_name.setdefault(deployed.kept.model, deployed)
        for name in self._names - by_name.keys():
            self._served.end(name)
        for name, deployed in by_name.items():
            self._served.serve(name, partial(_answering, deployed), deployed.kept.model)
        self._names = {*by_name}


async def _answering(deployed: Deployed) -> Callee:
    await deployed.wait_until_it_answers()
    return DeploymentCalls(deployed)
