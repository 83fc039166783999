"""Looks at this machine and at the server for `funland doctor`. Changes nothing."""

from __future__ import annotations

import datetime
import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from shutil import disk_usage
from typing import Final
from urllib.request import proxy_bypass

import grpc
import psutil

from funland.v1.models_pb2 import LoadSettings
from funland.v1.system_pb2 import PartHealth
from funland_cli import judging
from funland_cli.failures import CommandError
from funland_client import Funland, FunlandError
from funland_server.models.loading.engines import engine_version

_LOADING: Final = {
    LoadSettings.LLAMA_CPP: "from funland_worker.engines.llama_cpp import library; library.start()",
    LoadSettings.OPENVINO: "import openvino; openvino.Core().available_devices",
    LoadSettings.CTRANSLATE2: "import ctranslate2; ctranslate2.get_supported_compute_types('cpu')",
}
"""What loads each engine's libraries, for a process of its own: one made for another processor ends
it."""
_LOAD_SECONDS: Final = 60
_EXTRA: Final = re.compile(r"""^([A-Za-z0-9._-]+).*;.*\bextra == ['"]([a-z]+)['"]""")
_CONNECT_SECONDS: Final = 1.0
_PROXIES: Final = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def engines() -> list[judging.Engine]:
    """The engines that come with Funland, each loaded."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(_engine, _LOADING))


def _engine(engine: LoadSettings.Engine.ValueType) -> judging.Engine:
    package, found = LoadSettings.Engine.Name(engine).lower(), engine_version(engine)
    if not found:
        return judging.Engine(package, "")
    command = [sys.executable, "-c", _LOADING[engine]]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=_LOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return judging.Engine(package, found, f"It did not load in {_LOAD_SECONDS} seconds.")
    if ended.returncode == 0:
        return judging.Engine(package, found)
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        return judging.Engine(package, found, f"A process that loads it ends with {name}.")
    last = ended.stderr.strip().rpartition("\n")[2]
    return judging.Engine(package, found, f"It can't be loaded: {last}")


def extras() -> tuple[Mapping[str, Sequence[str]], Sequence[str]]:
    """Which packages each extra lacks, and all extras there are."""
    missing, known = defaultdict[str, list[str]](list), set[str]()
    for requirement in requires("funland") or ():
        if (match := _EXTRA.match(requirement)) is None:
            continue
        package, extra = match.groups()
        known.add(extra)
        try:
            version(package)
        except PackageNotFoundError:
            missing[extra].append(package)
    return missing, sorted(known)


def home(path: Path) -> judging.Home:
    """The folder of models and state."""
    exists = path.is_dir()
    there = next(each for each in (path, *path.parents) if each.exists())
    return judging.Home(
        path=path,
        exists=exists,
        usable=there.is_dir() and os.access(there, os.W_OK | os.X_OK),
        open_to_others=exists and bool(stat.S_IMODE(path.stat().st_mode) & 0o077),
        free_bytes=disk_usage(there).free,
        server=_server_of(path / "server.lock"),
    )


def _server_of(lock: Path) -> int | None:
    """The process that holds a home's lock. It is asked for as another reader would, and let go."""
    try:
        with lock.open("rb") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read(32))
    except (OSError, ValueError):
        return None
    return None


def port(name: str, host: str, number: int) -> judging.Port:
    """Whether somebody listens there already."""
    place = f"{host}:{number}"
    if number == 0:
        return judging.Port(name, f"any port of {host}", taken=False)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, number))
        except OSError:
            process, program = _listener(number)
            return judging.Port(name, place, taken=True, process=process, program=program)
    return judging.Port(name, place, taken=False)


def _listener(number: int) -> tuple[int | None, str]:
    try:
        for process in psutil.process_iter(["name"]):
            if number in _listens_at(process):
                return process.pid, process.name()
    except psutil.Error:
        pass
    return None, ""


def _listens_at(process: psutil.Process) -> set[int]:
    """The ports of a process; none of another user's."""
    try:
        found = process.net_connections("tcp")
    except psutil.Error:
        return set()
    return {each.laddr.port for each in found if each.laddr and each.status == psutil.CONN_LISTEN}


def memory() -> judging.Memory:
    """This machine's."""
    now = psutil.virtual_memory()
    return judging.Memory(now.total, now.available)


def proxies(environment: Mapping[str, str]) -> list[str]:
    """The variables by which others would call loopback through a proxy."""
    if proxy_bypass("127.0.0.1"):
        return []
    return [name for name in _PROXIES if environment.get(name)]


def days_left(certificate: Path) -> float | None:
    """How long a certificate holds; None if it can't be read, or is none."""
    from cryptography import x509  # noqa: PLC0415 - only who has one needs it

    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        return None
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left / datetime.timedelta(days=1)


def server(address: str, client: Funland) -> judging.Server:
    """What a server says of itself."""
    try:
        now = client.system.status()
        report = client.system.health_report()
    except FunlandError as error:
        answers = error.code != grpc.StatusCode.UNAVAILABLE
        told = error.message if answers else error.message.partition(": ")[0]
        return judging.Server(address, answers, told)
    except CommandError as error:
        return judging.Server(address, answers=False, problem=error.message)
    parts = [
        judging.Part(
            part.name,
            healthy=part.state == PartHealth.HEALTHY,
            failed=part.state == PartHealth.FAILED,
            message=part.message,
        )
        for part in report.parts
    ]
    return judging.Server(address, answers=True, version=now.version, parts=parts)
