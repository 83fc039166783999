"""Finds the user, the key or the project that somebody means, so that nobody has to type an id."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from funland.v1.auth_pb2 import User
from funland_cli.naming import begun
from funland_client import Funland
from funland_client.errors import AccessKeyNotFoundError, ProjectNotFoundError

UserName = Annotated[
    str, typer.Argument(metavar="USER", help="A name, an id, or the beginning of an id.")
]
KeyIds = Annotated[list[str], typer.Argument(metavar="KEY...", help="Ids, or beginnings of them.")]
ProjectId = Annotated[
    str, typer.Argument(metavar="PROJECT", help="Its id, the beginning of it, or its number.")
]
ProjectIds = Annotated[
    list[str], typer.Argument(metavar="PROJECT...", help="Ids, beginnings of them, or numbers.")
]


def user_id(client: Funland, text: str) -> str:
    """The id of a user; what names none is given back, for the server to say so."""
    return named(text, client.auth.list_users())


def named(text: str, users: Sequence[User]) -> str:
    """The id of the one of `users` that a name or an id means, a name first."""
    for user in users:
        if user.username.casefold() == text.casefold():
            return user.user_id
    return begun(text, [user.user_id for user in users]) or text


def key_id(client: Funland, text: str) -> str:
    """As `user_id`, of an access key."""
    with suppress(AccessKeyNotFoundError):
        return client.auth.get_key(text).key_id
    return begun(text, [key.key_id for key in client.auth.list_keys()]) or text


def project_id(client: Funland, text: str) -> str:
    """As `user_id`, of a project."""
    with suppress(ProjectNotFoundError):
        return client.projects.get(text).project_id
    return begun(text, [project.project_id for project in client.projects.list()]) or text
