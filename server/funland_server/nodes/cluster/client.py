"""The server's end of the process that speaks to Ray."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from funland_server.workers.environment import inherited

logger = structlog.get_logger(__name__)

_LONGEST: Final = 2**24
_ENDING_SECONDS: Final = 6.0


class NoAnswerError(Exception):
    """Who was asked does not answer: a node, or the cluster."""


class NotDoneError(Exception):
    """A node can't do what was asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Joining:
    """What it takes to join a cluster."""

    address: str
    namespace: str
    """What tells this home's actors from those of others."""
    token_path: str = ""
    """The file with the cluster's token. Empty: it has none."""

    def environment(self) -> dict[str, str]:
        """What Ray would else find out from what lies in the user's home."""
        auth = {"RAY_AUTH_MODE": "disabled"}
        if self.token_path:
            auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": self.token_path}
        return {**inherited(), **auth, "RAY_USAGE_STATS_ENABLED": "0"}


class Bridge:
    """A process that has joined the cluster. When it ends, so does all that it was asked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())
        self._relaying = asyncio.create_task(self._relay())
        self.node_id = ""
        """The cluster's id for the server's own machine."""

    @classmethod
    async def join(cls, joining: Joining, keep: list[str]) -> Bridge:
        """Starts one and waits until it has joined. Of what an earlier one started, what is not to
        be kept is ended.

        Raises:
            NoAnswerError: The cluster can't be joined.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "funland_server.nodes.cluster.bridge",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=joining.environment(),
            limit=_LONGEST,
        )
        bridge = cls(process)
        try:
            told = await bridge.ask(
                "join", address=joining.address, namespace=joining.namespace, keep=keep
            )
        except BaseException:
            await bridge.close()
            raise
        bridge.node_id = told["node_id"]
        return bridge

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Has something done; see the methods of `bridge.Bridge`.

        Raises:
            NoAnswerError: The node that it is about does not answer, or this process has ended.
            NotDoneError: The node can't do it.
        """
        number = next(self._ids)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "do": do, "with": arguments})
        try:
            if self._reading.done():
                raise NoAnswerError("The process that speaks to Ray has ended.")
            assert self._process.stdin is not None  # noqa: S101 - it is a PIPE
            self._process.stdin.write(line.encode() + b"\n")
            told: Mapping[str, Any] = await asked
        finally:
            del self._asked[number]
        if "error" in told:
            raise (NoAnswerError if told["gone"] else NotDoneError)(told["error"])
        return told["answer"]

    async def ended(self) -> None:
        """Waits for its end."""
        await self._process.wait()

    async def close(self) -> None:
        """Ends it, and all that it started in the cluster."""
        assert self._process.stdin is not None  # noqa: S101 - it is a PIPE
        self._process.stdin.close()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDING_SECONDS):
                    await self._process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await asyncio.wait([self._reading, self._relaying])

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a PIPE
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            asked = self._asked.get(told["id"])
            if asked is not None and not asked.done():
                asked.set_result(told)
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(NoAnswerError("The process that speaks to Ray has ended."))

    async def _relay(self) -> None:
        """What Ray has to say goes to the log."""
        assert self._process.stderr is not None  # noqa: S101 - it is a PIPE
        while True:
            try:
                line = await self._process.stderr.readline()
            except ValueError:  # a line over the buffer's limit, which readline drops
                continue
            if not line:
                return
            logger.debug("ray", message=line.decode(errors="replace").rstrip())
