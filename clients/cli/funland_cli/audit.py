"""`funland audit`: what was done on a server with accounts, and by whom."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import Annotated

import typer

from funland_cli import options
from funland_cli.account_names import user_id
from funland_cli.account_views import EVENTS, of_event
from funland_cli.documents import document

EPILOG = """\b
Examples:
  funland audit --failed                       logins and calls that were refused
  funland audit --user ada -n 0                all that she did
  funland audit --call AuthService.CreateUser --json
"""
_PAGE = 1000


def audit(
    context: typer.Context,
    *,
    user: Annotated[str, typer.Option(metavar="USER", help="Only what this user did.")] = "",
    call: Annotated[
        str,
        typer.Option(metavar="RPC", help="Only calls of this one, such as AuthService.CreateUser."),
    ] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed.")] = False,
    most: Annotated[
        int, typer.Option("-n", metavar="N", min=0, help="At most so many; 0: all.")
    ] = 50,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show what was done, the newest first: logins, refusals, and calls that change things."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        # A user who is gone is named by their id.
        whose = user_id(client, user) if user else ""
        events = client.auth.audit(
            user_id=whose, rpc=call, failed_only=failed, page_size=min(most or _PAGE, _PAGE)
        )
        with closing(events):
            found = islice(events, most or None)
            if session.output.as_json:
                # A line for each: there may be more than one likes to wait for.
                for event in found:
                    session.output.event(document(event))
                return
            session.output.table(EVENTS, [of_event(event) for event in found])
