"""The rows of others: llama.cpp's own programs, and the server of its Python package."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import orjson

from funland_cli.bench_statistics import Percentiles, Summary
from tools.bench.probe import Measurement, Subject
from tools.bench.rows import probe
from tools.bench.services import free_port, serving

_ATTEMPTS = 10
_NONE = Percentiles(math.nan, math.nan, math.nan)

_PYTHON_SERVER_SETTINGS = {
    "n_batch": 128,
    "n_ubatch": 128,
    "kv_unified": True,
    "use_mmap": True,
    "use_mlock": True,
    "store_logits": False,
}
"""Of the configuration with which its README starts it on a normal machine, qwen3.5-0.8b.json."""


class Peer(Protocol):
    """A server with OpenAI's API that isn't ours."""

    def serve(self, subject: Subject, model: Path, log: Path) -> AbstractContextManager[str]:
        """Runs it on loopback with the subject's slots, context and threads; gives its URL."""
        ...


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """llama.cpp's own server."""

    binary: Path

    @contextmanager
    def serve(self, subject: Subject, model: Path, log: Path) -> Generator[str]:
        """See `Peer`."""
        port = free_port()
        command = [str(self.binary), "-m", str(model), "--host", "127.0.0.1", "--port", str(port)]
        command += ["-np", str(subject.slots), "-c", str(subject.context_length * subject.slots)]
        command += ["-t", str(subject.threads)]
        command += ["--cache-ram", "0"]  # no other row has a second cache
        command += _placed(subject.device, subject.flash)
        url = f"http://127.0.0.1:{port}"
        with serving(command, log, f"{url}/health"):
            yield url


@dataclass(frozen=True, slots=True)
class PythonServer:
    """llama-cpp-python's examples/server, run by an interpreter that has what it imports."""

    python: Path
    script: Path

    @contextmanager
    def serve(self, subject: Subject, model: Path, log: Path) -> Generator[str]:
        """See `Peer`."""
        port = free_port()
        settings = {
            "path": str(model),
            "alias": subject.model,
            "n_ctx": subject.context_length * subject.slots,
            "n_seq_max": subject.slots,
            "threads": subject.threads,
            "threads_batch": subject.threads,
            **_PYTHON_SERVER_SETTINGS,
        }
        config = log.with_suffix(".json")
        config.write_bytes(
            orjson.dumps({"server": {"host": "127.0.0.1", "port": port}, "model": settings})
        )
        url = f"http://127.0.0.1:{port}"
        with serving(
            [str(self.python), str(self.script), "-C", str(config)], log, f"{url}/healthz"
        ):
            yield url


@dataclass(frozen=True, slots=True)
class PeerRow:
    """A peer, started anew for each number of streams with as many slots."""

    peer: Peer
    model: Path
    subject: Subject
    log: Path

    def measure(self, how: Measurement) -> Summary:
        """Starts it, warms it, measures it and ends it."""
        subject = replace(self.subject, slots=how.streams)
        with ExitStack() as started:
            url = started.enter_context(self.peer.serve(subject, self.model, self.log))
            row = started.enter_context(probe(replace(subject, target=url), self.log))
            return row.measure(how)


@dataclass(frozen=True, slots=True)
class BatchedBenchRow:
    """llama.cpp's own measuring program, whose tokens are random: nothing is chosen."""

    binary: Path
    model: Path
    cells: int
    threads: int
    device: str = ""
    flash: str = ""

    def measure(self, how: Measurement) -> Summary:
        """Runs it once; it tells nothing of single tokens."""
        command = [str(self.binary), "-m", str(self.model), "-c", str(self.cells)]
        command += ["-b", "512", "-ub", "512", "-t", str(self.threads)]
        command += ["-npp", str(how.prompt_tokens), "-ntg", str(how.tokens)]
        command += ["-npl", str(how.streams), "--output-format", "jsonl"]
        command += _placed(self.device, self.flash)
        figures = _figures(command)
        tokens = how.streams * how.tokens
        return Summary(
            streams=how.streams,
            calls=how.streams,
            tokens=tokens,
            seconds=figures["t"],
            tokens_per_second=tokens / figures["t"],
            generation_tokens_per_second=figures["speed_tg"],
            first_token_seconds=_NONE,
            gap_seconds=_NONE,
        )


def _placed(device: str, flash: str) -> list[str]:
    """What tells llama.cpp's programs where to compute, and attention how."""
    told = ["-dev", device, "-ngl", "999", "-fa", flash or "on"] if device else []
    return told or (["-fa", flash] if flash else [])


def _figures(command: list[str]) -> dict[str, Any]:
    """What llama-batched-bench prints: one line of JSON."""
    for _ in range(_ATTEMPTS):
        result = subprocess.run(command, capture_output=True, check=True, timeout=600)
        for line in result.stdout.splitlines():
            if line.startswith(b"{"):
                return orjson.loads(line)
        # Another thread writes its log and may not come to it before the program ends.
    raise RuntimeError(f"{command[0]} printed no figures {_ATTEMPTS} times")
