"""`funland downloads`: what is, was or will be downloaded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from funland.v1.downloads_pb2 import Download
from funland_cli import options
from funland_cli.documents import document
from funland_cli.download_views import COLUMNS, all_of, next_step, row, standing
from funland_cli.failures import CommandError, ExitCode
from funland_cli.following import follow
from funland_cli.naming import named
from funland_cli.overview import show_all
from funland_client import Funland
from funland_client.arguments import DownloadState

EPILOG = """\b
Examples:
  funland downloads
  funland downloads pause 7c1f
  funland downloads watch qwen2.5:0.5b

\b
A download is named by its id, the beginning of it, or what was asked for.
"""

app = typer.Typer(help="See, pause and resume downloads.", epilog=EPILOG, rich_markup_mode=None)

DownloadId = Annotated[
    str, typer.Argument(metavar="DOWNLOAD", help="Its id, the beginning of it, or its source.")
]
DownloadIds = Annotated[
    list[str],
    typer.Argument(metavar="DOWNLOAD...", help="Ids, beginnings of them, or sources."),
]
State = Annotated[DownloadState | None, typer.Option(help="Only those that are so.")]


@app.callback(invoke_without_command=True)
def downloads(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, pause and resume downloads; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_downloads(context)


@app.command("list")
def list_downloads(
    context: typer.Context,
    *,
    state: State = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the downloads, the newest first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.downloads.list(states=[state] if state else ())
    if session.output.as_json:
        session.output.document({"downloads": [document(download) for download in found]})
        return
    session.output.table(
        COLUMNS,
        (row(download, datetime.now(UTC)) for download in found),
    )


@app.command()
def show(
    context: typer.Context,
    *,
    download: DownloadId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a download, and its files."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.downloads.get(_id(client, download))
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(all_of(found, datetime.now(UTC)))


@app.command()
def watch(
    context: typer.Context,
    *,
    download: Annotated[
        str | None, typer.Argument(metavar="DOWNLOAD", help="Only this one, until it ends.")
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show how far downloads are; Ctrl-C leaves them as they are."""
    session = options.session(context, server, as_json)
    try:
        with session.client() as client:
            if download is None:
                show_all(client.downloads.watch(), session.output)
                return
            found = client.downloads.get(_id(client, download))
        follow(session, found)
    except KeyboardInterrupt:
        session.output.note("What is downloaded goes on at the server.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


@app.command()
def pause(
    context: typer.Context,
    *,
    downloads: DownloadIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Stop downloads, to go on later where they were."""
    _each(context, server, as_json, downloads, lambda client: client.downloads.pause)


@app.command()
def resume(
    context: typer.Context,
    *,
    downloads: DownloadIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Let paused downloads go on, and those that wait for a hub do so at once."""
    _each(context, server, as_json, downloads, lambda client: client.downloads.resume)


@app.command()
def cancel(
    context: typer.Context,
    *,
    downloads: DownloadIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """End downloads and remove what was fetched of them."""
    _each(context, server, as_json, downloads, lambda client: client.downloads.cancel)


@app.command()
def retry(
    context: typer.Context,
    *,
    downloads: DownloadIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Let downloads that failed or were cancelled begin again."""
    _each(context, server, as_json, downloads, lambda client: client.downloads.retry)


@app.command()
def update(
    context: typer.Context,
    *,
    download: DownloadId,
    priority: options.Turn = None,
    connections: options.Connections = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Change which download goes first, or how many connections it may have."""
    if priority is None and connections is None:
        raise CommandError(
            "Nothing to change.",
            hint="Give --priority or --connections.",
            exit_code=ExitCode.USAGE,
        )
    _each(
        context, server, as_json, [download],
        lambda client: lambda download_id: client.downloads.update(
            download_id, priority=priority, max_connections=connections
        ),
    )  # fmt: skip


@app.command()
def delete(
    context: typer.Context,
    *,
    downloads: DownloadIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Take downloads from the list; what they installed stays."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for download in downloads:
            download_id = _id(client, download)
            client.downloads.delete(download_id)
            if session.output.as_json:
                session.output.event({"deleted_download_id": download_id})
            else:
                session.output.line(f"Deleted {download_id}.")


def _each(
    context: typer.Context,
    server: str | None,
    as_json: bool,
    downloads: list[str],
    action: Callable[[Funland], Callable[[str], Download]],
) -> None:
    """Does something with each download and tells how it stands then."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in downloads:
            download = action(client)(_id(client, text))
            if session.output.as_json:
                session.output.event(document(download))
                continue
            told = standing(download, datetime.now(UTC))
            session.output.line(f"{download.download_id} ({download.source}): {told}")
            if download.state == Download.PAUSED:
                session.output.note(next_step(download, session.flags))


def _id(client: Funland, text: str) -> str:
    return named(text, client.downloads.list())
