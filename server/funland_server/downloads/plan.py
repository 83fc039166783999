"""What is to be downloaded, as hubs say it and as models are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from funland.v1.downloads_pb2 import StartDownloadRequest
from funland.v1.models_pb2 import Model, Origin
from funland_server.web.fetching import Credential


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of a model, and where it is to be had. What the hub does not tell is None or empty."""

    path: str
    """Within the model."""
    size_bytes: int | None
    sha256: str
    """64 hexadecimal digits in lower case."""
    git_sha1: str
    """The SHA-1 of git's blob, 40 hexadecimal digits in lower case."""
    urls: tuple[str, ...]
    """The hub's own first, then the mirrors'. None of them is signed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A variant of a model, pinned to one commit or digest."""

    origin: Origin
    format: Model.Format.ValueType
    quantization: str
    files: tuple[PlannedFile, ...]
    """All that is to be fetched. An Ollama model's layers have the paths `model.gguf`, `template`,
    `params`, `system`, `messages`, `license`, `projector.gguf`, `adapter.gguf`, and its config
    `config.json`."""
    model_id: str
    """The id that the model gets unless another is asked for."""
    reason: str
    """Why this variant was chosen, in a sentence; empty if it was asked for."""


class Resolver(Protocol):
    """Knows the hubs."""

    async def resolve(self, request: StartDownloadRequest) -> Plan:
        """What a request means. Raises what `DownloadService.StartDownload` promises."""
        ...


class Credentials(Protocol):
    """Knows what the hubs' servers want to be shown."""

    async def credential(self, url: str, *, anew: bool) -> Credential | None:
        """What to show to the server of a planned file's URL, and to no other; None: nothing.
        `anew` if it refused the one before. Raises FunlandError."""
        ...


class Installer(Protocol):
    """Makes models of files in the content store."""

    async def install(
        self, plan: Plan, model_id: str, aliases: tuple[str, ...], blobs: Mapping[str, str]
    ) -> str:
        """Registers a model, and gives its id. `blobs` are the files' SHA-256 by their paths; one
        that is registered already from the same files stays as it is, and another version from the
        same place is replaced.

        Raises:
            FunlandError: It is no model that can be installed; nothing was left of it then.
        """
        ...

    def taken(self, model_id: str, aliases: tuple[str, ...], plan: Plan) -> str | None:
        """The name among these that another model has; None if all are free, or are the names of
        one from the same place on the hub."""
        ...

    def has(self, plan: Plan) -> Path | None:
        """Where a model that was made of the same files lies; None if there is none."""
        ...
