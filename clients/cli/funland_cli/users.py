"""`funland users`: who may log in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from funland_cli import options
from funland_cli.account_names import UserName, user_id
from funland_cli.account_views import USERS, of_user, role_of
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.hidden_input import secret
from funland_cli.login import Password
from funland_client.asynchronous.auth import Role
from funland_client.credentials import Origin

EPILOG = """\b
Examples:
  funland users add ada --role admin        ask for her password
  funland users add builder --no-password   she has keys alone
  funland users edit ada --inactive
  funland users password                    change one's own
  funland users password ada                give her another
"""

app = typer.Typer(
    help="See, add and change users; change one's password.", epilog=EPILOG, rich_markup_mode=None
)

RoleName = Annotated[Role | None, typer.Option("--role", help="What they may do.")]
Email = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Their address.")]


@app.callback(invoke_without_command=True)
def users(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, add and change users; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_users(context)


@app.command("list")
def list_users(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """List the users, in the order in which they were made."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.auth.list_users()
    if session.output.as_json:
        session.output.document({"users": [document(user) for user in found]})
        return
    session.output.table(USERS, (of_user(user, datetime.now(UTC)) for user in found))


@app.command()
def add(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to log in with.")],
    role: RoleName = None,
    email: Email = None,
    password: Password = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They can't log in, but have keys.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Add a user, and ask for their password."""
    session = options.session(context, server, as_json)
    if no_password and password is not None:
        raise CommandError(
            "Only one of --password and --no-password can be.", exit_code=ExitCode.USAGE
        )
    given = "" if no_password else secret(password, "--password", "Their password", twice=True)
    with session.client() as client:
        user = client.auth.create_user(name, given, email=email or "", role=role or "member")
    session.tell(user, f"Added {user.username}, {role_of(user)}, as {user.user_id}.")


@app.command()
def edit(
    context: typer.Context,
    *,
    user: UserName,
    role: RoleName = None,
    email: Email = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether they may call at all.")
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Change a user; to be inactive ends all their logins."""
    session = options.session(context, server, as_json)
    if role is None and email is None and active is None:
        raise CommandError(
            "Nothing is to be changed.",
            hint="Say what: --role, --email, --active or --inactive",
            exit_code=ExitCode.USAGE,
        )
    with session.client() as client:
        changed = client.auth.update_user(
            user_id(client, user), role=role, email=email, is_active=active
        )
    state = "active" if changed.is_active else "inactive"
    session.tell(changed, f"{changed.username} is {role_of(changed)}, {state}.")


@app.command()
def remove(
    context: typer.Context,
    *,
    users: Annotated[
        list[str], typer.Argument(metavar="USER...", help="Names, ids, or beginnings of ids.")
    ],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove users and their keys; what they made stays, for admins."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in users:
            removed = user_id(client, text)
            client.auth.delete_user(removed)
            if session.output.as_json:
                session.output.event({"deleted_user_id": removed})
            else:
                session.output.line(f"Removed {text}.")


@app.command()
def password(
    context: typer.Context,
    *,
    user: Annotated[
        str | None,
        typer.Argument(metavar="[USER]", help="Whose.  [default: one's own]"),
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            metavar="-",
            help="Read it from standard input; one's own after the one that counts now.",
        ),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Change one's own password, or give a user another; it ends all logins but this one."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        if user is not None:
            whose = user_id(client, user)
            new = secret(password, "--password", "Their new password", twice=True)
            changed = client.auth.update_user(whose, password=new)
        else:
            changed = client.auth.whoami().user
            old = secret(password, "--password", "Your password")
            new = secret(password, "--password", "Your new password", twice=True)
            client.auth.change_password(old, new)
            client.auth.login(changed.username, new, keep=client.auth.origin is Origin.LOGIN)
    session.tell(changed, f"{changed.username} has another password.")
