"""Runs the servers that a trace is replayed against, each with the settings that suit it best."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from funland_client import Funland, LoadArguments
from tools.bench.services import Service, free_port, funland, serving
from tools.bench.workloads.description import Workload

OURS = "funland"
MOVING = "funland, moving"
"""The same, told to move runs of tokens that other texts have."""
_MARGIN = 0.1
"""What is left of the memory beside the models that it is to hold, in models: none fits into it."""
_LONGEST_UNASKED = 8192
"""The longest context that Funland gives a model unasked."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers OpenAI's API."""

    url: str
    pid: int | None
    """None: it runs elsewhere."""
    settings: str
    """What it was told, for the report."""


class Server(Protocol):
    """One that can be started for a workload."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def serve(
        self, workload: Workload, models: Sequence[Path], log: Path
    ) -> AbstractContextManager[Running]:
        """Runs it with these models, whose names are `model_name` of each, until the block ends."""
        ...


def model_name(path: Path) -> str:
    """What all servers call a model."""
    return path.stem.lower()


def cache_tokens(workload: Workload) -> int:
    """For how many tokens a server's cache has room: the longest text in each slot."""
    return workload.slots * workload.context


@dataclass(frozen=True, slots=True)
class Ours:
    """`funland serve` as it comes, but for longer texts than it takes unasked, and for a cache as
    large as llama-server's where memory holds all models: those that a call loads have the usual
    one."""

    threads: int | None = None
    reuse: int | None = None
    """From how many tokens on it moves runs that other texts have; None: it does not."""
    name: str = OURS

    @contextmanager
    def serve(self, workload: Workload, models: Sequence[Path], log: Path) -> Generator[Running]:
        """See `Server`."""
        told: dict[str, object] = {}
        if self.threads is not None:
            told["SERVER__THREADS"] = self.threads
        if workload.context > _LONGEST_UNASKED:
            told["SERVER__MAX_CONTEXT_LENGTH"] = workload.context
        with (
            tempfile.TemporaryDirectory(prefix="funland-workloads-") as home,
            funland(Path(home), **told) as service,
        ):
            loads = load_settings(workload, self.reuse)
            if (limit := _installed(service, workload, models, loads)) is not None:
                told["SERVER__MEMORY_LIMIT_BYTES"] = limit
            settings = [f"FUNLAND_{name}={value}" for name, value in told.items()]
            settings += [f"{name}={value}" for name, value in loads.items()]
            yield Running(service.http, service.pid, " ".join(settings))
            log.write_bytes((Path(home) / "server.log").read_bytes())


def load_settings(workload: Workload, reuse: int | None = None) -> LoadArguments:
    """What Funland's models are loaded with: a cache that holds at least one call of the length
    that it takes unasked, and from how many tokens on runs are moved."""
    if workload.held:
        return {}
    settings: LoadArguments = {"cache_tokens": max(cache_tokens(workload), _LONGEST_UNASKED)}
    if reuse is not None:
        settings["cache_reuse_tokens"] = reuse
    return settings


def _installed(
    service: Service, workload: Workload, models: Sequence[Path], loads: LoadArguments
) -> int | None:
    """Installs the models and loads those that memory holds; gives the limit if that isn't all."""
    with Funland(service.grpc, timeout=300) as client:
        for path in models:
            client.models.import_file(path, model_name(path))
        limit = None
        if workload.held:
            names = [model_name(path) for path in models]
            most = max(client.models.estimate(one).footprint.total_bytes for one in names)
            limit = round((workload.held + _MARGIN) * most)
            client.system.configure({"server.memory_limit_bytes": limit})
        for path in models[: workload.held or len(models)]:
            client.models.load(model_name(path), **loads)
    return limit


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """llama.cpp's own server."""

    binary: Path
    threads: int
    arguments: tuple[str, ...] = ()
    """Beside those that every workload gets; of two the later counts."""
    name: str = "llama-server"

    @contextmanager
    def serve(self, workload: Workload, models: Sequence[Path], log: Path) -> Generator[Running]:
        """See `Server`. Several models are behind its router, which holds so many at once."""
        port = free_port()
        own = self.model_settings(workload)
        command = [str(self.binary), "--host", "127.0.0.1", "--port", str(port)]
        if len(models) == 1:
            command += ["-m", str(models[0]), "--alias", model_name(models[0]), *own]
        else:
            presets = log.with_suffix(".ini")
            sections = [_preset(workload, number, path) for number, path in enumerate(models)]
            presets.write_text("\n".join(sections), encoding="utf-8")
            command += ["--models-preset", str(presets)]
            command += ["--models-max", str(workload.held or len(models)), *own]
        url = f"http://127.0.0.1:{port}"
        with serving(command, log, f"{url}/health") as pid:
            yield Running(url, pid, shlex.join(own))

    def model_settings(self, workload: Workload) -> list[str]:
        """How it runs a model: a part of the cache for each slot, as long as the longest text, as
        one that all share was slower in each workload that was tried; texts that leave it kept in
        memory, and chunks in the middle used again."""
        cells = str(cache_tokens(workload))
        settings = ["-np", str(workload.slots), "-c", cells, "--no-kv-unified"]
        settings += ["-t", str(self.threads), "--cache-ram", "8192", "--cache-reuse", "256"]
        settings += ["-fa", "off"]  # on a CPU attention in one pass is slower
        return [*settings, *self.arguments]


def _preset(workload: Workload, number: int, path: Path) -> str:
    """A model's section of the router's file. It gives vectors only where it is told to."""
    embeds = any(one.kind == "embedding" and number in one.models for one in workload.groups)
    more = "embeddings = true\npooling = last\n" if embeds else ""
    return f"[{model_name(path)}]\nmodel = {path}\n{more}"


@dataclass(frozen=True, slots=True)
class Given:
    """A server that runs already: Ollama, vLLM, or any other, with the models under the same
    names."""

    name: str
    url: str

    @contextmanager
    def serve(self, workload: Workload, models: Sequence[Path], log: Path) -> Generator[Running]:
        """See `Server`. What it has cached of earlier replays stays."""
        yield Running(self.url, None, f"as it runs at {self.url}")
