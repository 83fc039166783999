"""Envoy before a real service."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.conftest import Stack, running
from tools.envoy.config import Places
from tools.envoy.running import envoy_before


@dataclass(frozen=True)
class Front:
    """An Envoy, and the service behind it."""

    stack: Stack
    place: str
    """Where it listens, as `HOST:PORT`."""
    log: Path

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{self.place}"


@contextmanager
def envoy(stack: Stack, folder: Path, places: Places | None = None) -> Generator[Front]:
    """Runs Envoy before a service, which it has found when this begins."""
    asked = replace(
        places or Places(),
        server=stack.grpc_address,
        gateway=stack.http_url.removeprefix("http://"),
    )
    with envoy_before(asked, folder) as begun:
        yield Front(stack, begun.place, begun.log)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One for all tests of a file, with a service of its own."""
    folder = tmp_path_factory.mktemp("envoy")
    with running(folder / "home") as stack, envoy(stack, folder) as begun:
        yield begun
