"""Those who download: each takes a URL or a model, and is done when the SHA-256 is checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import orjson
import psutil

from funland_client import Funland
from tests.hubs.main import REPOSITORY
from tools.bench.services import funland, read_line

PATIENCE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be downloaded."""

    modelscope: str
    """The hub's address."""
    huggingface: str
    """The hub's address."""
    url: str
    """The file's own."""
    file: str
    """Its name."""
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Took:
    """What a download took."""

    seconds: float
    processor_seconds: float
    memory_bytes: int
    """The most that it had above what it had before."""


Contestant = Callable[[Target, Path], Took]
"""Downloads into an empty folder; raises RuntimeError if it gives up."""

_PACKAGE = """
import hashlib, json, resource, sys, time
url, file, folder, sha256 = sys.argv[1:]
{imports}
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print("ready", flush=True)
sys.stdin.readline()
before, start, spent = memory(), time.perf_counter(), time.process_time()
{download}
took = [time.perf_counter() - start, time.process_time() - spent, memory() - before]
print(json.dumps(took), flush=True)
"""
_HUGGINGFACE = _PACKAGE.format(
    imports="from huggingface_hub import hf_hub_download",
    download=f"""
path = hf_hub_download("{REPOSITORY}", file, cache_dir=folder, endpoint=url)
with open(path, "rb") as opened:
    assert hashlib.file_digest(opened, "sha256").hexdigest() == sha256
""",
)
# It checks the hash that the hub lists by itself.
_MODELSCOPE = _PACKAGE.format(
    imports="from modelscope import snapshot_download",
    download=f'snapshot_download("{REPOSITORY}", cache_dir=folder, endpoint=url)',
)


def aria2c(target: Target, folder: Path) -> Took:
    """aria2's command line with sixteen connections and its own check."""
    command = [
        shutil.which("aria2c") or "aria2c", "--no-conf", "-x16", "-s16", "-k1M", "--quiet",
        "--file-allocation=none", f"--checksum=sha-256={target.sha256}", "-d", str(folder),
        "--max-tries=0", "--retry-wait=0", target.url,
    ]  # fmt: skip
    start = perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"aria2c ended with {process.returncode}")
    return Took(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def huggingface(target: Target, folder: Path) -> Took:
    """`hf_hub_download`, and a second read that checks."""
    return _package(_HUGGINGFACE, target.huggingface, target, folder)


def modelscope(target: Target, folder: Path) -> Took:
    """modelscope's `snapshot_download`."""
    return _package(_MODELSCOPE, target.modelscope, target, folder)


def ours(target: Target, folder: Path) -> Took:
    """`funland serve`, from the call until the model is installed."""
    endpoint = {"SERVER__HUGGINGFACE_ENDPOINT": target.huggingface}
    with funland(folder, **endpoint) as service, Funland(service.grpc) as client:
        process = psutil.Process(service.pid)
        client.hubs.list()  # so that nothing is made for the first time
        _reset_peak(service.pid)
        before, spent = process.memory_info().rss, process.cpu_times()
        start = perf_counter()
        *_, last = client.downloads.pull(f"huggingface:{REPOSITORY}", max_connections=16)
        seconds = perf_counter() - start
        after = process.cpu_times()
        if not last.verified:
            raise RuntimeError("it ended without a check")
        used = after.user + after.system - spent.user - spent.system
        return Took(seconds, used, _peak(service.pid) - before)


CONTESTANTS: Final[Mapping[str, Contestant]] = {
    "funland": ours,
    "aria2c": aria2c,
    "hf_hub_download": huggingface,
    "modelscope": modelscope,
}


def run(contestant: Contestant, target: Target, scratch: Path) -> Took:
    """One download into a new folder, which is removed again."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        return contestant(target, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _package(code: str, url: str, target: Target, folder: Path) -> Took:
    home = folder / "home"
    home.mkdir()
    variables = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore",
                 "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1",
                 "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # fmt: skip
    command = [sys.executable, "-c", code, url, target.file]
    command += [str(folder / "cache"), target.sha256]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=variables,
    )
    try:
        if read_line(process, PATIENCE_SECONDS) != b"ready\n":
            raise RuntimeError("the package can't be imported")
        assert process.stdin is not None  # noqa: S101 - it is a PIPE
        process.stdin.write(b"\n")
        process.stdin.flush()
        lines = [read_line(process, PATIENCE_SECONDS)]
        while lines[-1] and not lines[-1].startswith(b"["):
            lines.append(read_line(process, PATIENCE_SECONDS))
        if not lines[-1]:
            raise RuntimeError("it gave up")
        return Took(*orjson.loads(lines[-1]))
    finally:
        process.kill()
        process.wait()


def _reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the system tells no peak of the resident memory")
