"""`funland hubs`: where models come from, and what is known of them without asking."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from funland.v1.hub_pb2 import SyncHubsEvent, SyncHubsResult
from funland_cli import options
from funland_cli.documents import document
from funland_cli.failures import CommandError
from funland_cli.hub_views import HUB_COLUMNS, failed, hub_row
from funland_cli.views import hub_name

EPILOG = """\b
Examples:
  funland hubs
  funland hubs sync --hub modelscope
"""

app = typer.Typer(help="See and sync the hubs.", epilog=EPILOG, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def hubs(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See and sync the hubs; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_hubs(context)


@app.command("list")
def list_hubs(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """List the hubs in the order in which they are asked."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.hubs.list()
    if session.output.as_json:
        session.output.document({"hubs": [document(hub) for hub in found]})
        return
    session.output.table(HUB_COLUMNS, (hub_row(hub, datetime.now(UTC)) for hub in found))


@app.command()
def sync(
    context: typer.Context,
    *,
    hub: options.HubName = None,
    limit: Annotated[
        int, typer.Option(metavar="N", help="At most so many models of each.  [default: 500]")
    ] = 0,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Fetch what searches without a hub find."""
    session = options.session(context, server, as_json)
    result, failures = None, 0
    try:
        with session.client() as client, client.hubs.sync(hub, limit=limit) as events:
            for event in events:
                result = _take(session, event) or result
                failures += event.HasField("failure")
    finally:
        session.output.waited()
    if result is None:
        raise CommandError("The connection to the server was lost before the sync was complete.")
    # Ollama's, which has no search, is never a failure.
    if failures and not any(info.searchable for info in result.hubs):
        raise CommandError("No hub could be synced.")
    if not session.output.as_json:
        session.output.line(f"Synced {result.models} models, {result.added} of them new.")


def _take(session: options.Session, event: SyncHubsEvent) -> SyncHubsResult | None:
    """Tells what a sync says; gives its result once it has come."""
    output = session.output
    if output.as_json:
        output.event(document(event))
    match event.WhichOneof("event"):
        case "progress":
            told = f"Syncing {hub_name(event.progress.hub)}, {event.progress.models} models"
            output.wait(told)
        case "failure":
            output.note(failed(event.failure))
        case "finish":
            return event.finish
        case _:  # Kinds may be added.
            pass
    return None
