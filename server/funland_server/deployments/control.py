"""What callers ask of deployments: to begin, to stop, to begin anew, to go away."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time_ns
from typing import Final

from funland.v1.deployments_pb2 import Deployment, StartDeploymentRequest
from funland.v1.downloads_pb2 import Download
from funland_server.deployments.asking import check, download_of, engine_of, in_our_words
from funland_server.deployments.built_in import instance_key
from funland_server.deployments.deployed import Deployed
from funland_server.deployments.endpoints import Endpoint, Gateways, listened_at
from funland_server.deployments.errors import DeploymentExistsError, PortTakenError
from funland_server.deployments.log import DeploymentLog
from funland_server.deployments.log_file import LogFile
from funland_server.deployments.roster import Roster
from funland_server.deployments.runners import Runners
from funland_server.deployments.running import Running
from funland_server.deployments.store import DeploymentStore, Kept
from funland_server.downloads.domain import Downloads
from funland_server.errors import FieldInvalidError
from funland_server.models.domain import Models
from funland_server.models.errors import ModelNotFoundError
from funland_server.storage.saving import Saving

_CLOSING_SECONDS: Final = 2.0
"""How long a gateway may take to close the port of a deployment that has just ended, or to say that
a port is its own, where all models are answered."""
_LOOK_SECONDS: Final = 0.05
_RESTING: Final = (Download.PAUSED, Download.CANCELLED, Download.FAILED)


@dataclass(frozen=True, slots=True)
class Control:
    """Does it, and answers when it is kept."""

    folder: Path
    """Where logs are."""
    models: Models
    downloads: Downloads
    store: DeploymentStore
    roster: Roster
    running: Running
    runners: Runners
    saving: Saving[Deployed]
    gateways: Gateways
    publish: Callable[[str], None]
    _adding: asyncio.Lock = field(default_factory=asyncio.Lock)
    """So that of two that ask for the same name at once one gets it."""

    async def start(self, request: StartDeploymentRequest) -> Deployment:
        """Begins a deployment.

        Raises:
            FunlandError: What `DeploymentService.StartDeployment` promises.
        """
        check(request)
        self._check_name(request.name)
        model = self.models.catalog.find(request.model)
        await self.runners.check(request, model)
        await self._check_port(request.port, None)
        kept = Deployment(
            deployment_id=f"deploy_{secrets.token_hex(8)}",
            name=request.name,
            model=request.model if model is None else model.model_id,
            engine=engine_of(request, model),
            settings=request.settings if request.HasField("settings") else None,
            vllm=request.vllm if request.HasField("vllm") else None,
            replicas=request.replicas or 1,
            port=request.port,
            metadata=request.metadata,
        )
        kept.create_time.FromDatetime(datetime.now(UTC))
        kept.update_time.CopyFrom(kept.create_time)
        if model is None:
            kept.source = request.model
            await self._fetch(request, kept)
        async with self._adding:
            self._check_name(request.name)
            await self._check_port(request.port, None)
            arrival = self.roster.next_arrival(time_ns() // 1000)
            new = Kept(request, kept, arrival, wanted=True)
            await self.store.add(new)
            deployed = Deployed(new, self.log(kept.deployment_id))
            self.roster.add(deployed)
        self.running.look(deployed)
        return self.roster.present(deployed)

    def log(self, deployment_id: str) -> DeploymentLog:
        """A deployment's log, which has yet to be opened if there may be one already."""
        return DeploymentLog(LogFile(self.folder / deployment_id))

    async def stop(self, name: str, *, force: bool) -> Deployment:
        """Ends a deployment and keeps it. Raises DeploymentNotFoundError."""
        deployed = self.roster.get(name)
        await self._want(deployed, wanted=False)
        if force:
            self.running.end(deployed, force=True)
        self.running.look(deployed)
        return self.roster.present(deployed)

    async def restart(self, name: str) -> Deployment:
        """Ends what runs of a deployment at once, and begins it anew.

        Raises:
            FunlandError: What `RestartDeployment` promises; then all is as it was.
        """
        deployed = self.roster.get(name)
        request, kept = deployed.request, deployed.kept
        model = self.models.catalog.find(kept.model)
        await self.runners.check(request, model)
        await self._check_port(kept.port, deployed)
        if model is None:
            await self._fetch(request, kept)
        elif self._rests(kept.download_id):
            kept.download_id = ""  # its model came another way
        await self._want(deployed, wanted=True)
        self.running.end(deployed, force=True)
        self.running.look(deployed)
        return self.roster.present(deployed)

    async def delete(self, name: str) -> None:
        """Ends a deployment at once and forgets it; it comes to its end if the caller is cancelled.

        Raises:
            DeploymentNotFoundError: There is none.
            StorageFullError, StorageUnavailableError: It stays.
        """
        await self.running.to_its_end(self._delete(self.roster.get(name)))

    async def _delete(self, deployed: Deployed) -> None:
        await self.store.remove(deployed.deployment_id)
        self.roster.remove(deployed)
        deployed.wanted = False
        self.running.end(deployed, force=True)
        self.running.look(deployed)
        self.running.count()
        while deployed.leaving:
            await asyncio.wait([*deployed.leaving.values()])
        await deployed.log.remove()
        for index in range(deployed.replicas):
            key = instance_key(deployed.deployment_id, index)
            await self.models.loader.forget_instance(deployed.kept.model, key)

    async def _want(self, deployed: Deployed, *, wanted: bool) -> None:
        """Keeps whether it is to run; what went wrong before does not count any more.

        Raises:
            DeploymentNotFoundError: It was deleted meanwhile.
            StorageFullError, StorageUnavailableError: All is as it was.
        """
        self.roster.get(deployed.deployment_id)
        before = deployed.wanted, deployed.given_up
        deployed.wanted, deployed.given_up = wanted, None
        try:
            await self.saving.save(deployed)
        except BaseException:
            deployed.wanted, deployed.given_up = before
            self.saving.save_soon(deployed)
            raise
        self.roster.get(deployed.deployment_id)

    async def report(self, name: str, endpoint: Endpoint) -> Deployment:
        """Takes note of what a gateway tells of a deployment's port."""
        deployed = self.roster.get(name)
        if endpoint != deployed.reported:
            deployed.reported = endpoint
            if endpoint.error:
                deployed.log.write(
                    f"Port {deployed.kept.port} is not open: {endpoint.error}", "error"
                )
            elif endpoint.url:
                deployed.log.write(f"It answers at {endpoint.url}.")
            self.publish(deployed.deployment_id)
        return self.roster.present(deployed)

    def _check_name(self, name: str) -> None:
        if name and (self.roster.find(name) or self.models.catalog.find(name)):
            raise DeploymentExistsError(name)

    async def _check_port(self, port: int, own: Deployed | None) -> None:
        """Raises PortTakenError if another is to have it, or has it."""
        if not port or self.gateways.common_url(port):
            return
        others = (one for one in self.roster if one is not own and one.wanted)
        if any(one.kept.port == port for one in others):
            raise PortTakenError(port)
        if own is not None and own.reported.url:
            return  # it is ours
        end = monotonic() + _CLOSING_SECONDS
        while await asyncio.to_thread(listened_at, self.gateways.hosts, port):
            if monotonic() >= end:
                raise PortTakenError(port)
            await asyncio.sleep(_LOOK_SECONDS)
            if self.gateways.common_url(port):
                return  # of a gateway that has come meanwhile

    def _rests(self, download_id: str) -> bool:
        """Whether a download goes on only when somebody asks for that."""
        download = self.downloads.find(download_id)
        return download is not None and download.state in _RESTING

    async def _fetch(self, request: StartDeploymentRequest, kept: Deployment) -> None:
        """Has the model come."""
        if request.HasField("download") and not request.download:
            raise ModelNotFoundError(request.model)
        if kept.download_id and await self.downloads.begin_again(kept.download_id) is not None:
            return
        try:
            download = await self.downloads.begin(download_of(request))
        except FieldInvalidError as error:
            raise in_our_words(error) from error
        kept.download_id = download.download_id
