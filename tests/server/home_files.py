"""The files of a home, for domains that are made without the server around them."""

from __future__ import annotations

from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.storage.database import Database


def files_of(settings: ServerSettings) -> Files:
    """They are not started: no test that makes them so asks for one."""
    database = Database(settings.home / "funland.sqlite3")
    return Files(Live(settings), database, Blobs(settings.home / "blobs"))
