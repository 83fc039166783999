"""`funland sessions`: conversations that the server keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from funland_cli import options
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.session_names import found
from funland_cli.session_views import COLUMNS, about, row, turn

EPILOG = """\b
Examples:
  funland chat --session new
  funland sessions
  funland sessions show last
  funland sessions search blue whale
  funland sessions export last --format markdown --output whales.md

\b
A session is named by its id, the beginning of it (`sess_` may be left out), or `last`.
"""

app = typer.Typer(
    help="See, search, name and export kept conversations.",
    epilog=EPILOG,
    rich_markup_mode=None,
)

SessionId = Annotated[
    str, typer.Argument(metavar="SESSION", help="Its id, the beginning of it, or `last`.")
]
Tag = Annotated[
    list[str] | None,
    typer.Option(metavar="TAG", help="Only those with this tag; may be given again."),
]
OfModel = Annotated[
    str, typer.Option("--model", "-m", metavar="MODEL", help="Only those of this model.")
]
Most = Annotated[int, typer.Option("-n", metavar="N", min=1, max=100, help="At most so many.")]


@app.callback(invoke_without_command=True)
def sessions(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, search, name and export kept conversations; list them when nothing else is asked."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_sessions(context)


@app.command("list")
def list_sessions(
    context: typer.Context,
    *,
    tag: Tag = None,
    model: OfModel = "",
    most: Most = 20,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the sessions, the latest first."""
    _list(options.session(context, server, as_json), "", tag, model, most)


@app.command()
def search(
    context: typer.Context,
    *,
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="All of them must be there.")
    ],
    tag: Tag = None,
    model: OfModel = "",
    most: Most = 20,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the sessions that have words in what was said, in their titles or their tags."""
    _list(options.session(context, server, as_json), " ".join(words), tag, model, most)


@app.command()
def show(
    context: typer.Context,
    *,
    session_id: SessionId,
    every: Annotated[bool, typer.Option("--all", help="The messages of all branches.")] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show a session and what was said in it."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        kept = found(client, session_id)
        messages = client.sessions.messages(kept.session_id, all_branches=every)
    if session.output.as_json:
        told = {"messages": [document(message) for message in messages]}
        session.output.document(document(kept) | told)
        return
    session.output.pairs(about(kept, datetime.now(UTC)))
    for message in messages:
        session.output.line()
        for text, style in turn(message):
            session.output.line(text, style)


@app.command()
def rename(
    context: typer.Context,
    *,
    session_id: SessionId,
    title: Annotated[
        str, typer.Argument(metavar="TITLE", help="Empty: the beginning of what was said first.")
    ],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Name a session."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        kept = client.sessions.update(found(client, session_id).session_id, title=title)
    session.tell(kept, f"{kept.session_id} is called {kept.title!r} now.")


@app.command()
def fork(
    context: typer.Context,
    *,
    session_id: SessionId,
    message: Annotated[
        str, typer.Option(metavar="ID", help="The last message to take along.  [default: the last]")
    ] = "",
    title: Annotated[
        str, typer.Option(metavar="TITLE", help="What to call it.  [default: as the old one]")
    ] = "",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Make a session of its own of what was said so far."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        kept = client.sessions.fork(found(client, session_id).session_id, message, title=title)
    session.tell(kept, kept.session_id)
    session.output.note(f"To go on in it: funland chat --session {kept.session_id}")


@app.command()
def export(
    context: typer.Context,
    *,
    session_id: SessionId,
    form: Annotated[
        Literal["markdown", "json"],
        typer.Option("--format", help="Markdown has one branch, JSON all of it."),
    ] = "markdown",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A new file to write it to."),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Write a session as one document."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        kept = found(client, session_id).session_id
        text = client.sessions.export(kept, "json" if session.output.as_json else form)
    if output is None:
        session.output.piece(text if text.endswith("\n") else f"{text}\n")
        return
    _write(output, text)
    session.output.note(f"Wrote {output}.")


@app.command()
def delete(
    context: typer.Context,
    *,
    sessions: Annotated[
        list[str],
        typer.Argument(metavar="SESSION...", help="Ids, beginnings of them, or `last`."),
    ],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Delete sessions with all that was said in them."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        # All are found before one is deleted: `last` would be another then.
        for session_id in dict.fromkeys(found(client, text).session_id for text in sessions):
            client.sessions.delete(session_id)
            if session.output.as_json:
                session.output.event({"deleted_session_id": session_id})
            else:
                session.output.line(f"Deleted {session_id}.")


def _list(
    session: options.Session, query: str, tags: list[str] | None, model: str, most: int
) -> None:
    with session.client() as client:
        page = client.sessions.list(query, tags=tags or (), model=model, page_size=most)
    if session.output.as_json:
        session.output.document(document(page))
        return
    session.output.table(COLUMNS, (row(kept, datetime.now(UTC)) for kept in page.sessions))
    if (rest := page.total_size - len(page.sessions)) > 0:
        session.output.note(f"{rest} more: -n says how many to list.")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(
            f"{path} can't be written: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error
