"""`funland favorites`: models of the hubs that are kept in mind."""

from __future__ import annotations

from typing import Annotated

import typer

from funland_cli import options
from funland_cli.documents import document
from funland_cli.hub_views import COLUMNS, row

EPILOG = """\b
Examples:
  funland favorites
  funland favorites add Qwen/Qwen2.5-0.5B-Instruct-GGUF --hub modelscope
  funland favorites remove Qwen/Qwen2.5-0.5B-Instruct-GGUF
"""

app = typer.Typer(help="Keep models of the hubs in mind.", epilog=EPILOG, rich_markup_mode=None)

ModelIds = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help="Ids on the hub, such as owner/name.")
]


@app.callback(invoke_without_command=True)
def favorites(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Keep models in mind; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_favorites(context)


@app.command("list")
def list_favorites(
    context: typer.Context,
    *,
    hub: options.HubName = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the favorites, the newest first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.hubs.favorites(hub)
    if session.output.as_json:
        session.output.document({"favorites": [document(favorite) for favorite in found]})
        return
    session.output.table(COLUMNS, (row(favorite.model) for favorite in found))


@app.command()
def add(
    context: typer.Context,
    *,
    models: ModelIds,
    hub: options.HubName = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Make models favorites."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            favorite = client.hubs.add_favorite(model, hub)
            if session.output.as_json:
                session.output.event(document(favorite))
            else:
                session.output.line(f"{favorite.model.model_id} is a favorite.")


@app.command()
def remove(
    context: typer.Context,
    *,
    models: ModelIds,
    hub: options.HubName = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Make models no favorites any more."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            client.hubs.remove_favorite(model, hub)
            if session.output.as_json:
                session.output.event({"removed_model_id": model})
            else:
                session.output.line(f"{model} is no favorite.")
