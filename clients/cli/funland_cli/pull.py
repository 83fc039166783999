"""`funland pull`: downloads a model from a hub and shows how far it is."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

import typer

from funland.v1.downloads_pb2 import Download
from funland_cli import options
from funland_cli.documents import document
from funland_cli.download_views import chosen, next_step
from funland_cli.failures import CommandError, ExitCode
from funland_cli.following import follow_or_pause
from funland_client import DownloadArguments

EPILOG = """\b
Examples:
  funland pull qwen2.5:0.5b
  funland pull Qwen/Qwen2.5-7B-Instruct-GGUF --hub modelscope --quantization q4_k_m
  funland pull hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF --id llama --detach

\b
What suits the server's machine best is chosen unless it is named. Ctrl-C pauses the download; a
terminal that is closed, and --detach, let it go on. What was fetched is not fetched again.
"""

_FLAGS: Final = {
    "hub": "--hub",
    "revision": "--revision",
    "variant": "--file",  # which takes a quantization's name too
    "format": "--format",
    "context_length": "--context",
}
"""What has to be said again to mean the same files."""


def pull(
    context: typer.Context,
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="owner/name, or name:tag of Ollama's; a hub's name and a colon may come first.",
        ),
    ],
    hub: options.HubName = None,
    quantization: Annotated[
        str | None, typer.Option("--quantization", "-q", metavar="NAME", help="Such as q4_k_m.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="PATH", help="This file of the model, by its path there.")
    ] = None,
    model_format: options.WeightFormat = None,
    revision: Annotated[
        str | None, typer.Option(metavar="NAME", help="A branch, tag or commit.")
    ] = None,
    context_length: Annotated[
        int | None,
        typer.Option(
            "--context", metavar="TOKENS", help="Choose what fits with a context of this length."
        ),
    ] = None,
    model_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The id to give it.")
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name for it; may be given again."),
    ] = None,
    priority: options.Turn = None,
    connections: options.Connections = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Print the download's id and leave.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Download a model from a hub and install it."""
    if quantization is not None and file is not None:
        raise CommandError(
            "Only one of --quantization and --file can be.", exit_code=ExitCode.USAGE
        )
    session = options.session(context, server, as_json)
    what: dict[str, Any] = {
        "hub": hub,
        "revision": revision,
        "variant": quantization or file,
        "format": model_format,
        "context_length": context_length,
    }
    how: dict[str, Any] = {
        "model_id": model_id,
        "aliases": alias or None,
        "priority": priority,
        "max_connections": connections,
    }
    given = {key: value for key, value in (what | how).items() if value is not None}
    session.output.wait(f"Asking for {name}")
    try:
        with session.client() as client:
            download = client.downloads.start(name, **cast("DownloadArguments", given))
    except KeyboardInterrupt:
        session.output.waited()
        session.output.note("It may have begun nevertheless. To see it: funland downloads", "")
        raise
    finally:
        session.output.waited()
    if detach:
        _leave(session, download)
    else:
        again = [
            *("funland", "pull", name),
            *(f"{_FLAGS[key]}={value}" for key, value in what.items() if value is not None),
            *session.flags,
        ]
        follow_or_pause(session, download, again)


def _leave(session: options.Session, download: Download) -> None:
    """Writes the id alone, so that scripts can take it, and says the rest beside it."""
    if session.output.as_json:
        session.output.event(document(download))
        return
    for line in chosen(download):
        session.output.note(line)
    session.output.line(download.download_id)
    session.output.note(next_step(download, session.flags))
