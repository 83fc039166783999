"""`funland search`: finds models on the hubs, or in what is known of them here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

import typer

from funland_cli import options
from funland_cli.documents import document
from funland_cli.hub_views import COLUMNS, answered, row
from funland_client import SearchArguments

EPILOG = """\b
Examples:
  funland search qwen 0.5b
  funland search llama --format gguf --quantization q4_k_m --sort downloads
  funland search --type text-generation --hub modelscope --limit 50
  funland search qwen --offline
"""


def search(
    context: typer.Context,
    *,
    query: Annotated[
        list[str] | None, typer.Argument(metavar="QUERY", help="Words of the name or description.")
    ] = None,
    hub: options.HubName = None,
    model_format: options.WeightFormat = None,
    quantization: Annotated[
        str | None,
        typer.Option("--quantization", "-q", metavar="NAME", help="Only models that have it."),
    ] = None,
    model_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="Only this kind, such as text-generation."),
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only this owner's.")] = None,
    sort: Annotated[
        Literal["downloads", "likes", "updated"] | None,
        typer.Option(help="The most of these first.  [default: the best match]"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many, up to 100.  [default: 20]")
    ] = None,
    skip: Annotated[int | None, typer.Option(metavar="N", help="Pass over so many first.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no hub, only what was synced of them.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Search the hubs for models."""
    session = options.session(context, server, as_json)
    given: dict[str, Any] = {
        "hub": hub,
        "format": model_format,
        "quantization": quantization,
        "model_type": model_type,
        "owner": owner,
        "sort": sort,
        "page_size": limit,
        "skip": skip,
        "local": offline or None,
    }
    filters = {name: value for name, value in given.items() if value is not None}
    session.output.wait("Searching")
    try:
        with session.client() as client:
            found = client.hubs.search(" ".join(query or ()), **cast("SearchArguments", filters))
    finally:
        session.output.waited()
    if session.output.as_json:
        session.output.document(document(found))
        return
    if found.models:
        session.output.table(COLUMNS, (row(model) for model in found.models))
    for line in answered(found, skip or 0, datetime.now(UTC)):
        session.output.note(line)
