"""The process that speaks to Ray: `python -m funland_server.nodes.cluster.bridge`.

The server starts it, and says in lines of JSON what to do; see `client`. It is a process of its own
because a program that has called `ray.init` is ended when the cluster's head is gone for a minute,
and because Ray takes signals, hooks and environment for itself. It ends when its standard input
does, and takes all that it started in the cluster with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from importlib import import_module
from typing import Any, Final, TextIO

from funland_server.nodes.cluster.host import Host, measure

_ASK_SECONDS: Final = 3.0
_MEASURE_SECONDS: Final = 20.0
_START_SECONDS: Final = 90.0
_END_SECONDS: Final = 4.0
_KEPT_SECONDS: Final = 60.0

# By name: it is not there where types are checked.
ray: Final[Any] = import_module("ray")
exceptions: Final[Any] = import_module("ray.exceptions")
strategies: Final[Any] = import_module("ray.util.scheduling_strategies")

_HOST: Final[Any] = ray.remote(Host)
_MEASURE: Final[Any] = ray.remote(measure)


class GoneError(Exception):
    """A node or an actor does not answer."""


class RefusedError(Exception):
    """A node can't do what was asked for."""


class Bridge:
    """Does in the cluster what the server asks for. The actors of one home are in a namespace."""

    def __init__(self) -> None:
        self._actors: dict[str, Any] = {}

    async def join(self, address: str, namespace: str, keep: list[str]) -> dict[str, Any]:
        """Connects, and ends what an earlier server of the same home left behind."""
        await asyncio.to_thread(
            ray.init, address=address, namespace=namespace, log_to_driver=False,
            configure_logging=False,
        )  # fmt: skip
        for name in await asyncio.to_thread(ray.util.list_named_actors):
            actor = ray.get_actor(name)
            if name in keep:
                self._actors[name] = actor
            else:
                ray.kill(actor)
        return {"node_id": ray.get_runtime_context().get_node_id()}

    async def nodes(self) -> list[dict[str, Any]]:
        """What Ray knows of all nodes."""
        return [
            {
                "node_id": node["NodeID"],
                "name": node["NodeName"] or node["NodeManagerHostname"],
                "address": node["NodeManagerAddress"],
                "alive": node["Alive"],
                "cpus": node["Resources"].get("CPU"),
                "gpus": node["Resources"].get("GPU"),
                "labels": node.get("Labels") or {},
            }
            for node in await asyncio.to_thread(ray.nodes)
        ]

    async def measure(self, node_id: str) -> dict[str, Any]:
        """How a node is: see `host.measure`."""
        ref = _MEASURE.options(num_cpus=0, max_retries=0, **_on(node_id)).remote()
        return await _answer(ref, _MEASURE_SECONDS)

    async def start(self, node_id: str, name: str, listen: str) -> str:
        """Starts a worker on a node: what it says, a `Listening` as JSON."""
        # Detached: it outlives this process, should that fail, and not its server.
        options = {"name": name, "lifetime": "detached", "num_cpus": 0, **_on(node_id)}
        actor = self._actors[name] = await asyncio.to_thread(
            lambda: _HOST.options(**options).remote(leaves=True)
        )
        try:
            return await _answer(actor.start.remote(listen), _START_SECONDS)
        except BaseException:
            self._end(name)
            raise

    async def ended(self, name: str) -> str:
        """How a worker ended, if it has."""
        return await _answer(self._actor(name).ended.remote(), _ASK_SECONDS)

    async def kill(self, name: str) -> None:
        """Ends a worker at once; its parent stays for a while, for who asks how it ended."""
        try:
            await _answer(self._actor(name).kill.remote(), _ASK_SECONDS)
        except (GoneError, RefusedError):
            self._end(name)
        else:
            asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._actors.pop, name, None)

    def leave(self) -> None:
        """Ends all that was started."""
        for name in [*self._actors]:
            self._end(name)
        ray.shutdown()

    def _end(self, name: str) -> None:
        actor = self._actors.pop(name, None)
        if actor is not None:
            ray.kill(actor)

    def _actor(self, name: str) -> Any:
        if name not in self._actors:
            raise GoneError("It is no more.")
        return self._actors[name]


def _on(node_id: str) -> dict[str, Any]:
    return {"scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node_id, soft=False)}


async def _answer(ref: Any, seconds: float) -> Any:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(ref.future()), seconds)
    except TimeoutError:
        raise GoneError(f"No answer for {seconds:g} s.") from None
    except exceptions.RayTaskError as error:
        raise RefusedError(str(error.cause)) from None
    except exceptions.RayError as error:
        raise GoneError(_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


async def _serve(out: TextIO) -> None:
    bridge = Bridge()
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    doing: set[asyncio.Task[None]] = set()
    while line := await reader.readline():
        task = asyncio.create_task(_do(bridge, json.loads(line), out))
        doing.add(task)
        task.add_done_callback(doing.discard)
    # Ray may wait for a head that is gone.
    threading.Timer(_END_SECONDS, os._exit, [1]).start()
    bridge.leave()
    os._exit(0)


async def _do(bridge: Bridge, asked: dict[str, Any], out: TextIO) -> None:
    told: dict[str, Any] = {"id": asked["id"]}
    try:
        told["answer"] = await getattr(bridge, asked["do"])(**asked["with"])
    except (GoneError, RefusedError) as error:
        told["error"], told["gone"] = str(error), isinstance(error, GoneError)
    except Exception as error:
        told["error"], told["gone"] = f"{type(error).__name__}: {_first_line(error)}", True
    out.write(json.dumps(told) + "\n")
    out.flush()


def main() -> None:
    """Serves one server until it lets go."""
    # Standard output is for answers: what Ray prints goes to the log.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal
    asyncio.run(_serve(out))


if __name__ == "__main__":
    main()
