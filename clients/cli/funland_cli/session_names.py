"""Finds the session that somebody means, so that nobody has to type an id."""

from __future__ import annotations

from typing import Final

from funland.v1.sessions_pb2 import Session
from funland_cli.failures import CommandError, ExitCode
from funland_cli.naming import begun
from funland_client import Funland
from funland_client.errors import SessionNotFoundError

LAST: Final = "last"

_LOOKED_THROUGH: Final = 100
"""As many as one page has: whoever means an older one types its id."""


def found(client: Funland, text: str) -> Session:
    """The session that `text` names: an id, the beginning of the id of one of the latest hundred,
    or `last` for the one in which something happened last.

    Raises SessionNotFoundError, or CommandError if it is the beginning of several ids.
    """
    if text == LAST:
        latest = client.sessions.list(page_size=1).sessions
        if not latest:
            raise CommandError(
                "There is no session yet.",
                hint="To begin one: funland chat --session new",
                exit_code=ExitCode.NOT_FOUND,
            )
        return latest[0]
    try:
        return client.sessions.get(text)
    except SessionNotFoundError:
        latest = client.sessions.list(page_size=_LOOKED_THROUGH).sessions
        name = begun(text, [session.session_id for session in latest])
        if name is None:
            raise
        return client.sessions.get(name)
