"""`funland batch`: many requests in a file, answered in the background."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from funland.v1.batches_pb2 import Batch
from funland_cli import options, units
from funland_cli.batch_views import (
    COLUMNS,
    ERRORS,
    all_of,
    error_row,
    next_step,
    row,
    step,
    summary,
)
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.naming import begun
from funland_cli.sight import RETRIES, kept_in_sight
from funland_cli.steps import follow
from funland_client import BatchArguments, Funland
from funland_client.ends import batch_has_ended
from funland_client.errors import BatchNotFoundError

EPILOG = """\b
Examples:
  funland batch create questions.jsonl --wait --output answers.jsonl
  funland batch create texts.jsonl --endpoint /v1/embeddings
  funland batch
  funland batch results 7c1f --output answers.jsonl

\b
A line of the file is what OpenAI's batches have: {"custom_id": "1", "method": "POST", "url":
"/v1/chat/completions", "body": {"messages": [...]}}. A batch is named by its id, or the beginning
of it (`batch_` may be left out).
"""

app = typer.Typer(
    help="Have many requests of a file answered in the background.",
    epilog=EPILOG,
    rich_markup_mode=None,
)

BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="Its id, or the beginning of it.")]
ToFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write what was answered to this file."),
]
ToErrors = Annotated[
    Path | None,
    typer.Option("--errors", metavar="FILE", help="Write what failed to this file."),
]


@app.callback(invoke_without_command=True)
def batch(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Have many requests of a file answered in the background; list such batches when nothing else
    is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_batches(context)


@app.command()
def create(
    context: typer.Context,
    *,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Requests, one a line; - reads a pipe.")
    ],
    endpoint: Annotated[
        str, typer.Option(metavar="PATH", help="What each line asks.")
    ] = "/v1/chat/completions",
    window: Annotated[
        float | None,
        typer.Option(
            parser=units.seconds, metavar="SPAN", help="How long it may take.  [default: 1d]"
        ),
    ] = None,
    priority: Annotated[
        int, typer.Option(metavar="N", min=-100, max=100, help="Higher ones go first.")
    ] = 0,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Show it until its end.")] = False,
    output: ToFile = None,
    errors: ToErrors = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Upload a file of requests and have them answered."""
    if (output or errors) and not wait:
        raise CommandError(
            "--output and --errors need --wait.",
            hint="Or write them later: funland batch results",
            exit_code=ExitCode.USAGE,
        )
    session = options.session(context, server, as_json)
    given: BatchArguments = {"priority": priority}
    if window is not None:
        given["window_seconds"] = _window(window)
    session.output.wait(f"Sending {file}")
    try:
        with session.client() as client:
            source = sys.stdin.buffer.read() if str(file) == "-" else file
            made = client.batches.create(source, endpoint, **given)
    except OSError as error:
        raise CommandError(
            f"{file} can't be read: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error
    finally:
        session.output.waited()
    if wait:
        _follow(session, made.batch_id, output, errors)
    elif session.output.as_json:
        session.output.event(document(made))
    else:
        session.output.line(made.batch_id)
        session.output.note(next_step(made, session.flags))


@app.command("list")
def list_batches(
    context: typer.Context,
    *,
    most: Annotated[int, typer.Option("-n", metavar="N", min=1, help="At most so many.")] = 50,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the batches, the newest first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.batches.list(limit=most + 1)
    shown, more = found[:most], found[most:]
    if session.output.as_json:
        session.output.document({"batches": [document(each) for each in shown]})
        return
    session.output.table(COLUMNS, (row(each, datetime.now(UTC)) for each in shown))
    if more:
        session.output.note(f"There are more than {most}: -n shows as many as you like.")


@app.command()
def show(
    context: typer.Context,
    *,
    batch: BatchId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a batch, and what is wrong with its file."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.batches.get(_id(client, batch))
    if session.output.as_json:
        session.output.document(document(found))
        return
    session.output.pairs(all_of(found, datetime.now(UTC)))
    if found.errors:
        session.output.line()
        session.output.table(ERRORS, map(error_row, found.errors))


@app.command()
def watch(
    context: typer.Context,
    *,
    batch: BatchId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show how far a batch is, until its end; Ctrl-C leaves it as it is."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        batch_id = _id(client, batch)
    _follow(session, batch_id, None, None)


@app.command()
def cancel(
    context: typer.Context,
    *,
    batches: Annotated[
        list[str], typer.Argument(metavar="BATCH...", help="Ids, or beginnings of them.")
    ],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """End batches; what was answered can be read."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in batches:
            ended = client.batches.cancel(_id(client, text))
            session.tell(ended, f"{ended.batch_id}: {step(ended).line}")


@app.command()
def results(
    context: typer.Context,
    *,
    batch: BatchId,
    output: ToFile = None,
    errors: ToErrors = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Write what was answered, a line of JSON for each request, and behind it what failed.

    Of a batch that has not ended nothing is written yet.
    """
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.batches.get(_id(client, batch))
        if not batch_has_ended(found):
            raise CommandError(
                f"{found.batch_id} has not ended: {step(found).line}.",
                hint=next_step(found, session.flags),
            )
        if not (found.output_file_id or found.error_file_id):
            raise CommandError(
                f"{found.batch_id} has no answers: {step(found).line}.",
                hint=next_step(found, session.flags),
            )
        if output or errors:
            _save(session, client, found, output, errors)
        else:
            _print(client, (found.output_file_id, found.error_file_id))


def _follow(
    session: options.Session, batch_id: str, output: Path | None, errors: Path | None
) -> None:
    """Shows a batch until its end, says how it has ended and writes what was asked for."""
    last = follow(
        session,
        kept_in_sight(session, lambda client: client.batches.follow(batch_id), batch_has_ended),
        step,
        lambda batch: next_step(batch or Batch(batch_id=batch_id), session.flags),
    )
    if last is None:
        return
    if output or errors:
        with session.client(RETRIES) as client:
            _save(session, client, last, output, errors)
    if not session.output.as_json:
        session.output.line(summary(last))
        if not output:
            session.output.note(next_step(last, session.flags))


def _save(
    session: options.Session,
    client: Funland,
    batch: Batch,
    output: Path | None,
    errors: Path | None,
) -> None:
    """Writes the files that are wanted; one that the batch has none of becomes an empty one."""
    for file_id, path in ((batch.output_file_id, output), (batch.error_file_id, errors)):
        if path is None:
            continue
        try:
            if file_id:
                client.files.download(file_id, path)
            else:
                path.write_bytes(b"")
        except OSError as error:
            raise CommandError(
                f"{path} can't be written: {error.strerror}",
                hint=next_step(batch, session.flags),
            ) from error
    if batch.error_file_id and errors is None:
        session.output.note("Some lines failed: --errors FILE writes what they were told.", "")


def _print(client: Funland, file_ids: Sequence[str]) -> None:
    """Writes files as they are."""
    for file_id in filter(None, file_ids):
        with client.files.stream(file_id) as parts:
            for part in parts:
                sys.stdout.buffer.write(part.data)
    sys.stdout.buffer.flush()


def _window(seconds: float) -> int:
    if seconds < 1:
        raise CommandError("--window must be at least a second.", exit_code=ExitCode.USAGE)
    return round(seconds)


def _id(client: Funland, text: str) -> str:
    """The id that is meant; what names none is given back, for the server to say so."""
    with suppress(BatchNotFoundError):
        return client.batches.get(text).batch_id
    return begun(text, [batch.batch_id for batch in client.batches.list()]) or text
