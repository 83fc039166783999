"""Runs Envoy before a service for a while, at ports that are free."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from urllib.request import urlopen

from tools.envoy.config import Places, configured

_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_CLUSTERS: Final = 2
_HEALTHY: Final = {"eds_health_status": "HEALTHY"}


@dataclass(frozen=True, slots=True)
class Envoy:
    """An Envoy that has found the service."""

    place: str
    """Where it listens, as `HOST:PORT`."""
    log: Path
    pid: int


@contextmanager
def envoy_before(places: Places, folder: Path) -> Generator[Envoy]:
    """Runs Envoy before the service at `places`, which it has found when this begins. What it
    writes goes into `folder`.

    Raises:
        RuntimeError: It ended, or did not find the service within a minute.
    """
    asked = replace(places, listen="127.0.0.1:0", admin="127.0.0.1:0")
    config, log, admin = (folder / name for name in ("envoy.json", "envoy.log", "envoy.admin"))
    config.write_text(json.dumps(configured(asked)))
    command = [str(Path(sys.executable).with_name("envoy")), "-c", str(config)]
    command += ["--log-level", "warning", "--concurrency", "1", "--use-dynamic-base-id"]
    command += ["--admin-address-path", str(admin)]
    with log.open("w") as written:
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
    try:
        _await_health(admin, process, log)
        yield Envoy(_listens_at(admin), log, process.pid)
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _told(admin: Path, what: str) -> Any:
    """What Envoy tells of itself; OSError until it listens."""
    with urlopen(f"http://{admin.read_text()}/{what}?format=json", timeout=5) as answer:
        return json.loads(answer.read())


def _listens_at(admin: Path) -> str:
    (listener,) = _told(admin, "listeners")["listener_statuses"]
    address = listener["local_address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


def _await_health(admin: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until both clusters are healthy."""
    until = monotonic() + _SECONDS
    while monotonic() < until and process.poll() is None:
        try:
            told = _told(admin, "clusters")
        except (OSError, ValueError):
            sleep(_POLL_SECONDS)  # until it listens
            continue
        hosts = [host for each in told["cluster_statuses"] for host in each["host_statuses"]]
        if len(hosts) == _CLUSTERS and all(host["health_status"] == _HEALTHY for host in hosts):
            return
        sleep(_POLL_SECONDS)  # until it has asked
    raise RuntimeError(f"Envoy does not find the service:\n{log.read_text()}")
