"""Programs that do more with models, each in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping

from funland.v1 import plugins_pb2
from funland.v1.system_pb2 import PartHealth
from funland_server.belonging.rows import Owned
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Health, Probe, Service
from funland_server.files.domain import Files
from funland_server.images.domain import Images
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.plugins.answering import Answering
from funland_server.plugins.catalog import Catalog
from funland_server.plugins.executing import Executing
from funland_server.plugins.host import PluginHost
from funland_server.plugins.kind import PluginKind
from funland_server.plugins.service import PluginService
from funland_server.plugins.shelf import Shelf
from funland_server.speech.domain import Speech
from funland_server.tasks.domain import Tasks
from funland_server.web.fetching import Web


class Plugins(Domain):
    """Those of one home."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        *,
        tasks: Tasks,
        files: Files,
        inference: Inference,
        speech: Speech,
        images: Images,
        web: Web,
        owned: Owned,
    ) -> None:
        """`owned` is how calls are looked at that come from outside."""
        self._tasks = tasks
        self._host = PluginHost()
        answering = Answering(inference, speech, images, owned)
        self._executing = Executing(settings, metrics, self._host, files, answering, web=web)
        self.catalog = Catalog(Shelf(settings.now.home / "plugins"), self._executing)
        """What there is."""

    async def start(self) -> None:
        """Finds what the home has; nothing of it is run."""
        await self.catalog.read()
        self._tasks.add(PluginKind(self.catalog.get, self._executing))

    def services(self) -> list[Service]:
        """Answers `PluginService`."""
        service = PluginService(self.catalog, self._executing)
        return [(plugins_pb2.DESCRIPTOR.services_by_name["PluginService"], service)]

    def health(self) -> Mapping[str, Probe]:
        """Whether plugins can be executed, once one was."""
        return {"plugins": self._probe}

    async def stop(self) -> None:
        """Ends all executions."""
        await self._host.close()

    async def _probe(self) -> Health:
        told = self._host.last
        if told is not None and told.missing:
            return Health(
                PartHealth.DEGRADED,
                f"Plugins are not executed: this system can't keep them in ({told.missing}).",
            )
        broken = [one.id for one in self.catalog.all(states=[plugins_pb2.Plugin.BROKEN])]
        if broken:
            return Health(
                PartHealth.DEGRADED, f"Broken plugins: {', '.join(broken[:8])}. Install them anew."
            )
        return Health()
