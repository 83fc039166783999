"""What is to be fetched, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from funland.v1.downloads_pb2 import Download, StartDownloadRequest
from funland_server.web.fetching import Credential


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of a model, as its hub lists it."""

    path: str
    """Within the model's folder."""
    urls: tuple[str, ...]
    """Where it is fetched, the best first. They hold no secrets and do not run out."""
    size: int | None = None
    """In bytes; None if the hub does not tell."""
    sha256: str = ""
    """64 hexadecimal digits; empty if the hub does not tell."""
    git_sha1: str = ""
    """The id of a git blob of these bytes, as 40 hexadecimal digits; empty if the hub does not
    tell."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a download."""

    download: Download
    """What callers are shown: source, origin, format, quantization, model_id, aliases, reason."""
    files: tuple[PlannedFile, ...]
    notes: str = ""
    """What the resolver wants the installer to know, in a form of theirs."""


class Resolver(Protocol):
    """Knows the hubs."""

    async def resolve(self, request: StartDownloadRequest) -> Plan:
        """What is to be fetched for a request; raises FunlandError."""
        ...

    async def credential(self, url: str, *, anew: bool) -> Credential | None:
        """What to show to the server of a file's URL; `anew` if it refused the one before."""
        ...


class Installer(Protocol):
    """Makes models of files."""

    async def install(self, plan: Plan, files: Mapping[str, Path]) -> str:
        """Registers the model whose files, by their paths in it, lie at these places of the
        content store, and gives its id. To install the same twice is no error.

        Raises:
            FunlandError: They are no model.
        """
        ...
