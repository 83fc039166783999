"""Starts workers on the machine that suits them; see `funland_server.workers.process.Launcher`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import structlog

from funland.v1.models_pb2 import LoadSettings
from funland_server.errors import FieldInvalidError, Violation
from funland_server.nodes.choosing import choose
from funland_server.nodes.errors import ClusterUnreachableError, NodeNotFoundError
from funland_server.nodes.node import Node
from funland_server.workers.launch import launch
from funland_server.workers.process import Told, WorkerProcess, untold
from funland_server.workers.spec import LOCAL_NODE, MEDIA, WorkerSpec

logger = structlog.get_logger(__name__)


class Elsewhere(Protocol):
    """Other machines than the server's own."""

    async def nodes(self) -> list[Node]:
        """All that there are, as they are now; the server's own first.

        Raises:
            ClusterUnreachableError: That is not known.
        """
        ...

    async def settled(self) -> bool:
        """Whether it is known what there is, after a while."""
        ...

    async def launch(
        self, spec: WorkerSpec, timeout_seconds: float, told: Told = untold
    ) -> WorkerProcess:
        """Starts a worker on the node that its spec names; raises as `Launcher.launch`."""
        ...


class Placement:
    """All workers of a server, wherever they run."""

    def __init__(self) -> None:
        self.elsewhere: Elsewhere | None = None
        """None: all workers run on the server's own machine."""
        self._held: dict[str, Counter[str]] = {}
        self._watching: set[asyncio.Task[None]] = set()

    def held(self, node_id: str) -> list[str]:
        """The ids of the models that a node holds, one for each process."""
        return sorted(self._held.get(node_id, Counter[str]()).elements())

    async def check(self, settings: LoadSettings) -> None:
        """Sees whether there is the node that these settings ask for, as far as that is known.

        Raises:
            NodeNotFoundError: There is not.
            FieldInvalidError: They ask for devices of this machine on another.
        """
        asked = settings.node_id
        if asked in ("", LOCAL_NODE):
            return
        if self.elsewhere is None:
            raise NodeNotFoundError(asked)
        _check_devices(settings)
        try:
            nodes = await self.elsewhere.nodes()
        except ClusterUnreachableError:
            return  # the load says so
        if all(node.node_id != asked for node in nodes):
            raise NodeNotFoundError(asked)

    async def choose(self, spec: WorkerSpec) -> WorkerSpec:
        """See `Launcher`."""
        elsewhere, asked = self.elsewhere, spec.settings.node_id
        if elsewhere is None or asked == LOCAL_NODE:
            if asked not in ("", LOCAL_NODE):
                raise NodeNotFoundError(asked)
            return spec
        there = _there(spec)
        try:
            if not asked and not (there and await elsewhere.settled()):
                return spec
            nodes = await elsewhere.nodes()
        except ClusterUnreachableError as error:
            if asked:
                raise
            logger.warning("placed_without_cluster", model=spec.model_id, reason=error.message)
            return spec
        held = {node_id: models.total() for node_id, models in self._held.items()}
        node = choose(nodes, asked, there.needed_bytes if there else 0, held)
        if node.local or there is None:
            return spec
        logger.info("model_placed", model=spec.model_id, node=node.node_id)
        return replace(there, node_id=node.node_id)

    async def launch(
        self, spec: WorkerSpec, timeout_seconds: float, told: Told = untold
    ) -> WorkerProcess:
        """See `Launcher`."""
        start: Callable[[WorkerSpec, float, Told], Awaitable[WorkerProcess]] = launch
        if spec.remote:
            if self.elsewhere is None:
                raise NodeNotFoundError(spec.node_id)
            start = self.elsewhere.launch
        process = await start(spec, timeout_seconds, told)
        watching = asyncio.create_task(self._count(process))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        return process

    async def _count(self, process: WorkerProcess) -> None:
        """Knows that a node holds a model until its process ends."""
        spec = process.spec
        models = self._held.setdefault(spec.node_id, Counter[str]())
        models[spec.model_id] += 1
        try:
            await process.ended()
        finally:
            models[spec.model_id] -= 1


def _there(spec: WorkerSpec) -> WorkerSpec | None:
    """The spec for another machine. None: nobody asked for one, and this one computes it better.

    Raises:
        FieldInvalidError: It asks for devices of this machine on another.
    """
    _check_devices(spec.settings)
    if spec.kind in MEDIA and spec.settings.node_id:
        what = "must be empty: models that speak, hear or paint run on the server's own machine"
        raise FieldInvalidError([Violation("settings.node_id", what)])
    placer = spec.placer
    if placer is None:
        return spec
    if placer.better_here and not spec.settings.node_id:
        return None
    return placer.elsewhere(spec)


def _check_devices(settings: LoadSettings) -> None:
    if settings.node_id and settings.device_ids:
        what = "must be empty: it names devices of the server's own machine"
        raise FieldInvalidError([Violation("settings.device_ids", what)])
