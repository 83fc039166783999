"""The machines of a Ray cluster: how they are, and what is started there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic
from typing import Any, Final

import structlog
from google.protobuf import json_format

from funland.v1.nodes_pb2 import Node as NodeMessage
from funland.worker.v1.remote_pb2 import Listen, Listening
from funland_server.nodes.cluster.client import Bridge, Joining, NoAnswerError, NotDoneError
from funland_server.nodes.cluster.started import ClusterStarted
from funland_server.nodes.errors import ClusterUnreachableError
from funland_server.nodes.node import Node, standing
from funland_server.nodes.remote.starter import Started
from funland_server.workers.errors import ModelLoadFailedError

logger = structlog.get_logger(__name__)

_JOIN_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 1.0
_LONGEST_AGAIN_SECONDS: Final = 30.0
_FRESH_SECONDS: Final = 2.0
"""How long a measurement of a node is as good as a new one."""
_ANSWER_SECONDS: Final = 3.0
_FIRST_ANSWER_SECONDS: Final = 20.0
"""Ray starts a process on the node."""


class Cluster:
    """Stays in the cluster, or comes back to it; see `Starter`. Workers outlive that it is left."""

    def __init__(self, joining: Callable[[], Joining]) -> None:
        self._joining = joining
        self._numbers = itertools.count(1)
        self._bridge: Bridge | None = None
        self._why = "it was not asked yet"
        self._tried = asyncio.Event()
        self._staying: asyncio.Task[None] | None = None
        self._living: set[str] = set()
        """The names of the actors that have workers."""
        self._suspects: set[str] = set()
        self._doing: set[asyncio.Task[Any]] = set()
        self._verifying: set[asyncio.Task[None]] = set()
        self._measured: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._seen: dict[str, datetime] = {}
        self._addresses: dict[str, str] = {}

    def begin(self) -> None:
        """Joins, and goes on trying if that fails."""
        self._staying = asyncio.create_task(self._stay())

    async def close(self) -> None:
        """Leaves, and ends all that was started."""
        if self._staying is not None:
            self._staying.cancel()
            await asyncio.wait([self._staying])
        if self._bridge is not None:
            await self._bridge.close()
        tasks = [*self._doing, *self._verifying]
        if tasks:
            await asyncio.wait(tasks)

    async def nodes(self) -> list[Node]:
        """All but the server's own, gone ones too, as they are now.

        Raises:
            ClusterUnreachableError: The cluster does not answer.
        """
        bridge = await self._joined()
        if self._verifying:
            await asyncio.wait(self._verifying)
        try:
            told = await bridge.ask("nodes")
        except (NoAnswerError, NotDoneError) as error:
            raise self._unreachable(str(error)) from None
        others = [each for each in told if each["node_id"] != bridge.node_id]
        alive = [each["node_id"] for each in others if each["alive"]]
        await asyncio.gather(*(self._measure(bridge, node_id) for node_id in alive))
        return [self._node(each) for each in others]

    async def start(self, node_id: str, listen: Listen) -> ClusterStarted:
        """Starts a process that listens at the address of its node; see `Starter`.

        Raises:
            ClusterUnreachableError: The cluster, or the node, does not answer.
            ModelLoadFailedError: The node can't run it.
        """
        bridge = await self._joined()
        address = listen.host = self._addresses.get(node_id, "")
        name = f"worker-{next(self._numbers)}-{secrets.token_hex(4)}"
        line = json_format.MessageToJson(listen, indent=None)
        self._living.add(name)
        try:
            told = await bridge.ask("start", node_id=node_id, name=name, listen=line)
        except NoAnswerError as error:
            self._suspects.add(node_id)
            raise ClusterUnreachableError(address, str(error).rstrip("."), node_id) from None
        except NotDoneError as error:
            raise ModelLoadFailedError(
                f"Node {node_id!r} can't run a worker: {error}", node_id=node_id
            ) from None
        except BaseException:
            self._do("kill", name)
            raise
        return ClusterStarted(name, address, json_format.Parse(told, Listening()), self)

    def lost(self, node_id: str, started: Started) -> None:
        """A worker has ended unasked: nothing goes to its node until that answers again."""
        self._suspects.add(node_id)
        task = asyncio.create_task(self._verify(node_id, started))
        self._verifying.add(task)
        task.add_done_callback(self._verifying.discard)

    async def ask_how_it_ended(self, name: str) -> str | None:
        """See `Started`."""
        try:
            return await (await self._joined()).ask("ended", name=name)
        except (ClusterUnreachableError, NoAnswerError, NotDoneError):
            return None

    def kill(self, name: str) -> None:
        """Ends a worker, as soon as its node hears of it."""
        self._living.discard(name)
        self._do("kill", name)

    async def settled(self, seconds: float) -> bool:
        """Whether the cluster is joined; waits so long for the end of the first try."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._tried.wait()
        return self._bridge is not None

    @property
    def trouble(self) -> str:
        """Why the cluster is not joined. Empty: it is."""
        return "" if self._bridge is not None else self._why

    @property
    def suspects(self) -> list[str]:
        """The nodes that don't answer, as far as anybody asked."""
        return sorted(self._suspects)

    def _do(self, do: str, name: str) -> None:
        async def doing() -> None:
            with contextlib.suppress(NoAnswerError, NotDoneError):
                if self._bridge is not None:
                    await self._bridge.ask(do, name=name)

        task = asyncio.create_task(doing())
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _stay(self) -> None:
        pause = _AGAIN_SECONDS
        while True:
            joining = self._joining()
            try:
                async with asyncio.timeout(_JOIN_SECONDS):
                    bridge = await Bridge.join(joining, sorted(self._living))
            except (NoAnswerError, NotDoneError, TimeoutError) as error:
                self._why = str(error) or f"it was silent for {_JOIN_SECONDS:g} s"
                logger.warning("cluster_unreachable", address=joining.address, why=self._why)
            else:
                self._bridge, pause = bridge, _AGAIN_SECONDS
                self._tried.set()
                logger.info("cluster_joined", address=joining.address, node=bridge.node_id)
                await bridge.ended()
                self._bridge, self._why = None, "the process that speaks to it has ended"
                logger.error("cluster_lost", address=joining.address)
                await bridge.close()
            self._tried.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_AGAIN_SECONDS)

    async def _joined(self) -> Bridge:
        await self._tried.wait()
        if self._bridge is None:
            raise self._unreachable(self._why)
        return self._bridge

    def _unreachable(self, why: str) -> ClusterUnreachableError:
        return ClusterUnreachableError(self._joining().address, why)

    async def _measure(self, bridge: Bridge, node_id: str) -> None:
        """Has a node say how it is, unless it said so just now. One that does not answer in time
        stays as it was; one that is known not to answer is suspect."""
        suspect = node_id in self._suspects
        last = self._measured.get(node_id)
        if last is not None and not suspect and monotonic() - last[0] < _FRESH_SECONDS:
            return
        patience = _FIRST_ANSWER_SECONDS if last is None and not suspect else _ANSWER_SECONDS
        try:
            async with asyncio.timeout(patience):
                told = await bridge.ask("measure", node_id=node_id)
        except TimeoutError:
            return
        except NoAnswerError:
            self._suspects.add(node_id)
            return
        except NotDoneError as error:
            told = {"problem": f"it has no Funland that works: {error}"}
        self._measured[node_id] = monotonic(), told
        self._suspects.discard(node_id)

    async def _verify(self, node_id: str, started: Started) -> None:
        how = await started.how_it_ended()
        if how is not None:  # the node answers: the worker alone has ended
            self._suspects.discard(node_id)
            for line in how.splitlines():
                logger.error("worker", node=node_id, pid=started.listening.pid, message=line)

    def _node(self, told: Mapping[str, Any]) -> Node:
        node_id = told["node_id"]
        self._addresses[node_id] = told["address"]
        state = standing(alive=told["alive"], suspect=node_id in self._suspects)
        now = datetime.now(UTC)
        if state == NodeMessage.DEAD:
            self._suspects.discard(node_id)
            self._measured.pop(node_id, None)
        elif state == NodeMessage.ALIVE or node_id not in self._seen:
            self._seen[node_id] = now
        _, measured = self._measured.get(node_id, (0.0, {}))
        return Node(
            node_id=node_id,
            name=measured.get("name") or told["name"],
            address=told["address"],
            state=state,
            last_seen=self._seen.setdefault(node_id, now),
            cpus=told["cpus"],
            gpus=told["gpus"],
            memory_total_bytes=measured.get("memory_total_bytes"),
            memory_available_bytes=measured.get("memory_available_bytes"),
            labels=told["labels"],
            problem=measured.get("problem") or _version_problem(measured.get("version")),
        )


def _version_problem(theirs: str | None) -> str:
    ours = version("funland")
    if theirs in (None, ours):
        return ""
    return f"it has Funland {theirs}, and the server {ours}"
