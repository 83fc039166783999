"""What all transfers of a server share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from funland_server.blobs.store import Blobs
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.fetching.speed import Bucket
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.plan import Credentials
from funland_server.live import Live
from funland_server.web.fetching import Web


@dataclass(frozen=True, slots=True)
class Tools:
    """One way out, one store, one cap."""

    web: Web
    credentials: Credentials
    blobs: Blobs
    bucket: Bucket
    threads: Threads
    settings: Live[FetchSettings]
    received: Callable[[int], None]
    """Is told how many bytes came, as they come."""
