"""Builds the server out of its domains: the only module that knows them all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import structlog

from funland_server import logs
from funland_server.auth.domain import Auth
from funland_server.batches.domain import Batches
from funland_server.batches.lines import Lines
from funland_server.blobs.store import Blobs
from funland_server.chat.domain import Chat
from funland_server.config import ServerSettings
from funland_server.configuration.sources import Joined, Sources
from funland_server.datasets.domain import Datasets
from funland_server.deployments.domain import Deployments
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.domain import Domain
from funland_server.downloads.domain import Downloads
from funland_server.files.domain import Files
from funland_server.hardware.domain import Hardware
from funland_server.hub.domain import Hub
from funland_server.hub.hubs import web_policy
from funland_server.images.domain import Images
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.mcp.domain import Mcp
from funland_server.mcp.settings import McpSettings
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.nodes.domain import Nodes
from funland_server.plugins.domain import Plugins
from funland_server.projects.domain import Projects
from funland_server.responses.domain import Responses
from funland_server.rpc.belonging import Belongings
from funland_server.rpc.grpc_server import GrpcServer
from funland_server.rpc.local_channel import LocalChannel
from funland_server.rpc.pipeline import Pipeline
from funland_server.rpc.tls import server_credentials
from funland_server.rpc.validation import validate
from funland_server.speech.domain import Speech
from funland_server.storage.database import Database
from funland_server.system.domain import System
from funland_server.system.status import Status
from funland_server.tasks.domain import Tasks
from funland_server.tracing.spans import NO_TRACES, Tracing
from funland_server.training.domain import Training
from funland_server.web.fetching import Deadlines, Web

logger = structlog.get_logger(__name__)


class Server:
    """The gRPC server and all behind it.

    ```python
    server = Server(ServerSettings(port=0))
    await server.start()
    print(server.address)
    await server.stop(grace_seconds=10)
    ```
    """

    def __init__(
        self,
        given: ServerSettings,
        joined: Joined | None = None,
        lines: Lines | None = None,
        mcp_settings: McpSettings | None = None,
        tracing: Tracing = NO_TRACES,
    ) -> None:
        """`joined` says where the settings came from, and where changes of them are written;
        without, it is the program that gave them. `lines` reads and writes the lines of batches in
        another API's shape; without, they have the contract's. `mcp_settings` are the MCP servers
        that chats may use; without, there are none. `tracing` is closed by who made it."""
        settings = Live(given)
        self._settings = given
        self.settings = settings
        """Those that it runs with."""
        settings.map(lambda now: now.log_level).tell(lambda _: logs.set_level(settings.now))
        metrics = Metrics()
        self._database = Database(_place(given))
        self.auth = Auth(settings, self._database)
        """Its users, and who may call."""
        belongings = Belongings(self._database)
        self._pipeline = Pipeline(metrics, self.auth.gate, belongings, tracing)
        devices = Devices(given, metrics)
        accelerations = Accelerations(given.home, devices)
        nodes = Nodes(settings)
        files = Files(settings, self._database, Blobs(given.home / "blobs"))
        models = Models(
            settings, metrics, devices, accelerations, files=files, launcher=nodes.placement
        )
        web = Web(settings.map(web_policy), settings.map(_deadlines))
        hub = Hub(settings, self._database, models, web)
        downloads = Downloads(
            settings, metrics, self._database, models,
            web=web, resolver=hub.choosing, credentials=hub.hubs,
            tracing=tracing,
        )  # fmt: skip
        mcp = Mcp(mcp_settings or McpSettings(), settings)
        inference = Inference(settings, models, metrics, mcp, files=files, web=web)
        responses = Responses(settings, metrics, self._database, models, inference)
        chat = Chat(
            settings, metrics, self._database, devices=devices, models=models, inference=inference
        )
        deployments = Deployments(
            settings, metrics, self._database,
            devices=devices, models=models, placement=nodes.placement, downloads=downloads,
        )  # fmt: skip
        projects = Projects(self._database, self.auth.people)
        datasets = Datasets(
            settings, self._database,
            models=models, files=files, downloads=downloads, hubs=hub.datasets, projects=projects,
        )  # fmt: skip
        speech = Speech(settings, metrics, models=models, files=files)
        images = Images(settings, metrics, models=models, files=files)
        tasks = Tasks(
            settings, metrics, self._database,
            files=files, models=models, inference=inference, speech=speech, images=images,
            downloads=downloads, web=web, count=self.auth.gate.counting,
            tracing=tracing,
        )  # fmt: skip
        plugins = Plugins(
            settings, metrics,
            tasks=tasks, files=files, inference=inference, speech=speech, images=images, web=web,
            owned=belongings.check,
        )  # fmt: skip
        batches = Batches(
            settings, metrics, self._database,
            tasks=tasks, files=files, inference=inference, responses=responses,
            lines=lines, check=validate, owned=belongings.check,
        )  # fmt: skip
        training = Training(
            settings, self._database,
            tasks=tasks, devices=devices, models=models, datasets=datasets, projects=projects,
        )  # fmt: skip
        hardware = Hardware(given, self._database, devices, accelerations, models)
        others = (
            self.auth, projects, devices, accelerations, nodes, models, hub, downloads, deployments,
            mcp, inference, responses, chat, files, datasets, speech, images, tasks, plugins,
            batches, training, hardware,
        )  # fmt: skip
        status = Status(
            models,
            downloads,
            inference,
            active_calls=lambda: self._pipeline.active,
            stopping=lambda: self._pipeline.stopping,
            accounts=given.accounts,
        )
        system = System(
            settings, joined or _joined(given), status, others,
            models=models, devices=devices, database=self._database, metrics=metrics,
        )  # fmt: skip
        self._domains: tuple[Domain, ...] = (*others, system)
        self._grpc: GrpcServer | None = None
        self._address = ""
        self.channel = LocalChannel(self._pipeline)
        """Calls into this server from inside its process; it answers after `start`."""

    @property
    def address(self) -> str:
        """Where it listens, such as `127.0.0.1:50051`. Raises RuntimeError before `start`."""
        if not self._address:
            raise RuntimeError("The server is not started.")
        return self._address

    async def start(self) -> None:
        """Reads what the home has and listens.

        Raises:
            StartError: The home or its database can't be used, or there is no default model.
            OSError: The port is taken.
        """
        await self._database.open()
        for domain in self._domains:
            await domain.start()
            for service, implementation in domain.services():
                self._pipeline.add(service, implementation)
        self._grpc = GrpcServer(
            self._pipeline, self.settings.map(lambda now: now.send_timeout_seconds)
        )
        self._address = await self._grpc.start(
            self._settings.host, self._settings.port, _credentials(self._settings)
        )
        logger.info("server_listens", address=self._address, home=str(self._settings.home))

    async def stop(self, grace_seconds: float) -> None:
        """Takes no new calls, lets those under way and what runs in the background go on for so
        long, then ends them and the workers. Stopping twice is no error."""
        for domain in self._domains:
            domain.announce_stop()
        if self._grpc is not None:
            await self._grpc.announce_stop()
        await asyncio.gather(
            self._pipeline.drain(grace_seconds),
            *(domain.drain(grace_seconds) for domain in self._domains),
        )
        for domain in reversed(self._domains):
            await domain.stop()
        if self._grpc is not None:
            await self._grpc.stop()
        await self._database.close()
        logger.info("server_stopped")


def _deadlines(settings: ServerSettings) -> Deadlines:
    return Deadlines(
        first_byte=settings.download_first_byte_seconds, stall=settings.download_stall_seconds
    )


def _credentials(settings: ServerSettings) -> grpc.ServerCredentials | None:
    certificate, key = settings.tls_certificate, settings.tls_key
    return None if certificate is None or key is None else server_credentials(certificate, key)


def _joined(settings: ServerSettings) -> Joined:
    """Settings that nobody else is known to have given."""
    return Sources.of_program("server", settings, settings.home).join("")


def _place(settings: ServerSettings) -> Path | str:
    """The database's file or URL."""
    url = settings.database_url
    return settings.home / "funland.sqlite3" if url is None else url.get_secret_value()
