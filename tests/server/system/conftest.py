"""Servers whose settings come from a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from funland.v1.system_pb2 import (
    Configuration,
    GetConfigurationRequest,
    Setting,
    UpdateConfigurationRequest,
)
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.configuration.given import Given
from funland_server.configuration.sources import Sources
from funland_server.system.values import to_wire
from tests.server.conftest import call

SECTIONS = {"server": ServerSettings, "gateway": GatewaySettings}


@dataclass(frozen=True, slots=True)
class Configured:
    """A server, and the file that it was set by."""

    server: Server
    file: Path

    async def get(self) -> Configuration:
        return await call(self.server, "GetConfiguration", GetConfigurationRequest())

    async def setting(self, name: str) -> Setting:
        (found,) = (one for one in (await self.get()).settings if one.name == name)
        return found

    async def update(
        self, values: Mapping[str, Any], *, etag: str = "", validate_only: bool = False
    ) -> Configuration:
        request = update(values, etag=etag, validate_only=validate_only)
        return await call(self.server, "UpdateConfiguration", request)


def update(
    values: Mapping[str, Any], *, etag: str = "", validate_only: bool = False
) -> UpdateConfigurationRequest:
    request = UpdateConfigurationRequest(etag=etag, validate_only=validate_only)
    for name, value in values.items():
        request.values[name].CopyFrom(to_wire(value))
    return request


@pytest.fixture
async def configured(tmp_path: Path) -> AsyncIterator[Configured]:
    file = tmp_path / "funland.toml"
    file.write_text("# mine\n[server]\nslots = 4\nmax_context_length = 256\nthreads = 1\n")
    sources = Sources(
        SECTIONS,
        file,
        before_file={"server.huggingface_token": Given("hf-1", Setting.HUB_VARIABLE, "HF_TOKEN")},
        after_file={
            "server.home": Given(str(tmp_path / "home"), Setting.FLAG, "--home"),
            "server.port": Given(0, Setting.FLAG, "--grpc-port"),
            "server.queue_limit": Given("77", Setting.VARIABLE, "FUNLAND_SERVER__QUEUE_LIMIT"),
        },
    )
    joined = sources.join(sources.text())
    server = Server(cast("ServerSettings", joined.sections["server"]), joined)
    await server.start()
    yield Configured(server, file)
    await server.stop(0)
