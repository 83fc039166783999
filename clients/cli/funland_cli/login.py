"""`funland login`, `logout` and `whoami`: who calls the server from this machine."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from funland_cli import options
from funland_cli.account_views import of_caller, role_of
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.hidden_input import check_terminal, secret
from funland_client.credentials import KEY_VARIABLE, Origin
from funland_client.errors import ServerUnreachableError

EPILOG = """\b
Examples:
  funland login                                 ask for a name and a password
  funland login -u ada --password - < file      take the password from a file
  pass funland | funland login --key -          keep an access key
  funland login --server grpcs://box:50051

\b
The login is kept for the server's address, in the user's folder of settings, and refreshed by
itself. A key in the variable FUNLAND_KEY goes before it.
"""
_ORIGINS: Final = {
    Origin.VARIABLE: f"the variable {KEY_VARIABLE}",
    Origin.LOGIN: "the login that is kept here",
}
Password = Annotated[
    str | None,
    typer.Option("--password", metavar="-", help="Read the password from standard input."),
]


def login(
    context: typer.Context,
    *,
    username: Annotated[
        str | None,
        typer.Option("--username", "-u", metavar="NAME", help="The name to log in with."),
    ] = None,
    password: Password = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="-", help="Keep an access key in its place, read from standard input."
        ),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Log in to a server with accounts; later commands call it so."""
    session = options.session(context, server, as_json)
    if key is not None and (username is not None or password is not None):
        raise CommandError(
            "--key takes neither --username nor --password.", exit_code=ExitCode.USAGE
        )
    with session.client(key="") as client:
        if key is not None:
            who = client.auth.login_with_key(secret(key, "--key", "Key"))
        else:
            name = _asked("--username", "User") if username is None else username
            client.auth.login(name, secret(password, "--password", "Password"))
            who = client.auth.whoami()
    session.tell(
        who, f"Logged in at {session.address} as {who.user.username}, {role_of(who.user)}."
    )
    if os.environ.get(KEY_VARIABLE):
        session.output.note(f"{KEY_VARIABLE} is set, and goes before this login.")


def logout(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """End the login at a server, and forget it; a key that is kept is only forgotten."""
    session = options.session(context, server, as_json)
    try:
        with session.client(key="") as client:
            was_there = client.auth.logout()
    except ServerUnreachableError as error:
        raise CommandError(
            f"It is forgotten here, but no server at {session.address} could be told.",
            hint="There the login counts until its time is over.",
            exit_code=ExitCode.UNREACHABLE,
        ) from error
    if session.output.as_json:
        session.output.event({"logged_out": was_there})
    elif was_there:
        session.output.line(f"Logged out at {session.address}.")
    else:
        session.output.line(f"Nobody was logged in at {session.address}.")
    if os.environ.get(KEY_VARIABLE):
        session.output.note(f"{KEY_VARIABLE} is still set.")


def whoami(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Show who calls, and what they may do."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        who, origin = client.auth.whoami(), client.auth.origin
    if session.output.as_json:
        session.output.document(document(who))
        return
    pairs = [*of_caller(who, datetime.now(UTC)), ("server", session.address)]
    session.output.pairs([*pairs, ("by", _ORIGINS.get(origin, ""))])


def _asked(option: str, prompt: str) -> str:
    check_terminal(option)
    return typer.prompt(prompt, err=True)
