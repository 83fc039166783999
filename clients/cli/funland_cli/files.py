"""`funland files`: files that the server keeps."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from funland_cli import options, units
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.file_views import COLUMNS, all_of, row
from funland_cli.naming import begun
from funland_client import Funland
from funland_client.errors import KeptFileNotFoundError
from funland_client.kept_files import landing_place

EPILOG = """\b
Examples:
  funland files upload questions.jsonl --purpose batch
  funland files
  funland files download 7c1f --output answers.jsonl
  funland files delete 7c1f

\b
A file is named by its id, or the beginning of it (`file-` may be left out).
"""

app = typer.Typer(
    help="See, send and fetch files that the server keeps.", epilog=EPILOG, rich_markup_mode=None
)

FileId = Annotated[str, typer.Argument(metavar="FILE", help="Its id, or the beginning of it.")]
_PIPE = "-"


@app.callback(invoke_without_command=True)
def files(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, send and fetch files that the server keeps; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_files(context)


@app.command("list")
def list_files(
    context: typer.Context,
    *,
    purpose: Annotated[
        str, typer.Option(metavar="WORD", help="Only those that are for this, such as batch.")
    ] = "",
    most: Annotated[int, typer.Option("-n", metavar="N", min=1, help="At most so many.")] = 50,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the files, the newest first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.files.list(purpose=purpose, limit=most + 1)
    shown, more = found[:most], found[most:]
    if session.output.as_json:
        session.output.document({"files": [document(file) for file in shown]})
        return
    session.output.table(COLUMNS, (row(file, datetime.now(UTC)) for file in shown))
    if more:
        session.output.note(f"There are more than {most}: -n shows as many as you like.")


@app.command()
def show(
    context: typer.Context,
    *,
    file: FileId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a file."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.files.get(_id(client, file))
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(all_of(found, datetime.now(UTC)))


@app.command()
def upload(
    context: typer.Context,
    *,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file; - reads a pipe.")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it.  [default: as it is called]")
    ] = "",
    purpose: Annotated[
        str, typer.Option(metavar="WORD", help="What it is for, such as batch.")
    ] = "",
    keep: Annotated[
        float | None,
        typer.Option(
            parser=units.seconds, metavar="SPAN", help="For how long.  [default: forever]"
        ),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Send a file to the server, and write its id."""
    session = options.session(context, server, as_json)
    source = sys.stdin.buffer if str(path) == _PIPE else path
    seconds = 0 if keep is None or keep < 0 else max(round(keep), 1)
    session.output.wait(f"Sending {path}")
    try:
        with session.client() as client:
            kept = client.files.upload(
                source, name=name, purpose=purpose, retention_seconds=seconds
            )
    except OSError as error:
        raise CommandError(
            f"{path} can't be read: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error
    finally:
        session.output.waited()
    session.tell(kept, kept.file_id)


@app.command()
def download(
    context: typer.Context,
    *,
    file: FileId,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to: a file or a folder; - is a pipe.  [default: here]",
        ),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Fetch a file, under its own name unless another is given.

    Without --output nothing is written over.
    """
    session = options.session(context, server, as_json)
    place = output or Path()
    try:
        with session.client() as client:
            found = client.files.get(_id(client, file))
            if str(output) == _PIPE:
                with client.files.stream(found.file_id) as parts:
                    for part in parts:
                        sys.stdout.buffer.write(part.data)
                sys.stdout.buffer.flush()
                return
            session.output.wait(f"Fetching {found.name or found.file_id}")
            place = landing_place(place, found)
            if output is None and place.exists():
                raise CommandError(
                    f"{place} is there already.", hint="To write it elsewhere, or over it: --output"
                )
            client.files.download(found.file_id, place)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"{place} can't be written: {error.strerror}") from error
    finally:
        session.output.waited()
    if session.output.as_json:
        session.output.event({"path": str(place), "file": document(found)})
    else:
        session.output.line(str(place))


@app.command()
def delete(
    context: typer.Context,
    *,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Ids, or beginnings of them.")
    ],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove files; a task that reads one goes on."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in files:
            file_id = _id(client, text)
            client.files.delete(file_id)
            if session.output.as_json:
                session.output.event({"deleted_file_id": file_id})
            else:
                session.output.line(f"Deleted {file_id}.")


def _id(client: Funland, text: str) -> str:
    """The id that is meant; what names none is given back, for the server to say so."""
    with suppress(KeptFileNotFoundError):
        return client.files.get(text).file_id
    return begun(text, [file.file_id for file in client.files.list()]) or text
