"""The hubs that models come from."""

from __future__ import annotations

from funland.v1 import hub_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.hub.catalog.favorites import Favorites
from funland_server.hub.catalog.marking import Marking
from funland_server.hub.catalog.overview import Overview
from funland_server.hub.catalog.store import Catalog
from funland_server.hub.catalog.syncing import Syncing
from funland_server.hub.catalog.syncs import Syncs
from funland_server.hub.choice.choosing import Choosing
from funland_server.hub.choice.ranking import Ranking
from funland_server.hub.dataset_files import HubDatasets
from funland_server.hub.details import Details
from funland_server.hub.hubs import Hubs
from funland_server.hub.knowledge import Knowledge
from funland_server.hub.presenting import Presenting
from funland_server.hub.search.searching import Searching
from funland_server.hub.service import HubService
from funland_server.live import Live
from funland_server.models.choosing import Machine
from funland_server.models.domain import Models
from funland_server.models.installed.model import InstalledModel
from funland_server.storage.database import Database
from funland_server.vllm.environment import is_there
from funland_server.web.fetching import Web


class Hub(Domain):
    """Those of the settings, and the local catalog of one database."""

    def __init__(
        self, settings: Live[ServerSettings], database: Database, models: Models, web: Web
    ) -> None:
        self._settings = settings
        self._models = models
        self._web = web
        self.hubs = Hubs(settings, web)
        """The downloads' `Credentials`."""
        self.datasets = HubDatasets(self.hubs)
        """What hubs have to train with."""
        catalog, favorites, syncs = Catalog(database), Favorites(database), Syncs(database)
        ranking = Ranking(self._machine)
        presenting = Presenting(self.hubs, favorites, ranking, self._installed)
        overview = Overview(
            self.hubs, catalog, favorites, syncs,
            lambda: sum(map(len, presenting.installed_by_key().values())),
        )  # fmt: skip
        knowledge = Knowledge(self.hubs, catalog, settings.map(lambda now: now.hub_catalog_hours))
        self.choosing = Choosing(
            self.hubs,
            knowledge,
            ranking,
            has_vllm=lambda: is_there(settings.now.home, settings.now.vllm_environment),
        )
        """The downloads' `Resolver`."""
        self._syncing = Syncing(
            self.hubs, catalog, favorites, syncs=syncs, knowledge=knowledge, overview=overview
        )
        self._service = HubService(
            overview,
            Searching(self.hubs, catalog, knowledge, presenting),
            Details(knowledge, presenting),
            choosing=self.choosing,
            syncing=self._syncing,
            marking=Marking(favorites, catalog, knowledge, presenting),
        )

    def services(self) -> list[Service]:
        """Answers `HubService`."""
        return [(hub_pb2.DESCRIPTOR.services_by_name["HubService"], self._service)]

    def announce_stop(self) -> None:
        """Ends the sync that runs; what it has fetched is kept."""
        self._syncing.announce_stop()

    async def stop(self) -> None:
        """Ends all connections to hubs."""
        await self._syncing.close()
        await self._web.close()

    def _installed(self) -> list[InstalledModel]:
        return self._models.catalog.all()

    def _machine(self) -> Machine:
        return self._models.loader.machine()
