"""What `make bench-workloads` is told to replay, and against whom."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.bench.synthetic_model import SHAPES, make
from tools.bench.workloads.description import TRACES, Workload, names, read, scaled
from tools.bench.workloads.servers import MOVING, OURS, Given, LlamaServer, Ours, Server, model_name


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed."""

    workloads: list[Workload]
    servers: list[Server]
    scale: float
    rounds: int
    patience: float
    vocabulary: int
    shape: str
    cache: Path
    out: Path
    models: tuple[str, ...] = ()
    """What servers that run already call their models; empty: as ours does."""

    def files(self, workload: Workload) -> list[Path]:
        """The models of a workload, each with weights of its own, made if they aren't there."""
        if self.models:
            return []
        return [make(self.cache, self.shape, seed).resolve() for seed in range(workload.models)]

    def model_names(self, workload: Workload) -> list[str]:
        """What a trace calls them."""
        given = self.models or tuple(model_name(path) for path in self.files(workload))
        return [given[number % len(given)] for number in range(workload.models)]


def read_plan(words: Sequence[str] | None = None) -> Plan:
    """The plan of these arguments, or of this process's."""
    arguments = _arguments(words)
    servers: list[Server] = [Given(*one.split("=", 1)) for one in arguments.server]
    if arguments.llama_server:
        extra = tuple(shlex.split(arguments.llama_server_args))
        threads = arguments.threads or psutil.cpu_count(logical=False) or 1
        servers.insert(0, LlamaServer(arguments.llama_server.resolve(), threads, extra))
    if not arguments.not_ours:
        if arguments.reuse is not None:
            servers.insert(0, Ours(arguments.threads, arguments.reuse, MOVING))
        servers.insert(0, Ours(arguments.threads))
    paths = [TRACES / f"{name}.toml" for name in arguments.workloads] + arguments.trace
    return Plan(
        workloads=[scaled(read(path), arguments.scale) for path in paths],
        servers=servers,
        scale=arguments.scale,
        rounds=arguments.rounds,
        patience=arguments.patience,
        vocabulary=SHAPES[arguments.shape].vocabulary,
        shape=arguments.shape,
        cache=arguments.cache,
        out=arguments.out,
        models=tuple(arguments.model),
    )


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench.workloads", description="Replays what users do."
    )
    parser.add_argument("--workloads", nargs="*", choices=names(), default=names())
    parser.add_argument("--trace", type=Path, action="append", default=[], help="a file of yours")
    parser.add_argument("--scale", type=float, default=1, help="0.1: a tenth of all lengths")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=20, help="seconds to wait for quiet")
    parser.add_argument("--shape", choices=SHAPES, default="0.5b", help="of the models")
    parser.add_argument("--threads", type=int, help="of all that is started; unset: its own choice")
    parser.add_argument("--llama-server", type=Path, help="llama.cpp's server")
    parser.add_argument("--llama-server-args", default="", help="beside its own settings")
    parser.add_argument(
        "--server", action="append", default=[], metavar="NAME=URL", help="one that runs already"
    )
    parser.add_argument("--model", action="append", default=[], help="what those call their models")
    parser.add_argument(
        "--reuse", type=int, metavar="TOKENS", help="also Funland with cache_reuse_tokens"
    )
    parser.add_argument("--not-ours", action="store_true", help=f"without {OURS}")
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="JSON, SVG, logs")
    arguments = parser.parse_args(words)
    if arguments.model and not arguments.not_ours:
        parser.error("--model is for servers that run already: add --not-ours")
    return arguments
