"""Reads the service's settings for the commands that start it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from funland.v1.system_pb2 import Setting
from funland_cli.failures import CommandError, ExitCode
from funland_gateway.config import GatewaySettings
from funland_server.config import ServerSettings
from funland_server.configuration.given import Given, Layer, WrongSettingsError
from funland_server.configuration.sources import Joined, Sources
from funland_server.mcp.settings import McpSettings

SECTIONS = {"server": ServerSettings, "gateway": GatewaySettings, "mcp": McpSettings}


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set about the service, and where it comes from."""

    server: ServerSettings
    gateway: GatewaySettings
    mcp: McpSettings
    joined: Joined


class SettingsError(CommandError):
    """A setting is wrong or unknown."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)


def flag(value: object, name: str) -> Given:
    """A setting that a flag of a command has."""
    return Given(value, Setting.FLAG, name)


def load_settings(flags: Layer, config: Path | None, environment: Mapping[str, str]) -> Settings:
    """Joins all sources.

    `config` is the file to read; None takes `funland.toml` of the working folder, else of the home,
    if there is one. Raises SettingsError.
    """
    sources = find_sources(flags, config, environment)
    try:
        joined = sources.join(sources.text())
    except WrongSettingsError as error:
        raise SettingsError(error.message, error.hint) from error
    server = cast("ServerSettings", joined.sections["server"])
    gateway = cast("GatewaySettings", joined.sections["gateway"])
    return Settings(server, gateway, cast("McpSettings", joined.sections["mcp"]), joined)


def check_accounts(settings: Settings) -> None:
    """Raises SettingsError for a gateway that others reach before a server that asks nobody who
    they are."""
    if settings.gateway.is_reached_by_others and not settings.server.accounts:
        raise SettingsError(
            "gateway.host or gateway.listen is not a loopback address, and server.accounts is"
            " false: anyone who can reach it could use it.",
            hint="Set server.accounts = true, or listen on 127.0.0.1.",
        )


def find_sources(flags: Layer, config: Path | None, environment: Mapping[str, str]) -> Sources:
    """Where settings come from; reads nothing of the file."""
    return Sources.of(
        SECTIONS, flags=flags, environment=environment, config=config,
        default_home=lambda: ServerSettings.model_validate({}).home,
    )  # fmt: skip
