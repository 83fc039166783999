"""`funland datasets`: rows to train with."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from funland.v1.datasets_pb2 import Dataset, DatasetSource
from funland_cli import options
from funland_cli.dataset_views import COLUMNS, all_of, counts, row, shown
from funland_cli.documents import document
from funland_cli.naming import begun
from funland_cli.sending import sending
from funland_client import Funland
from funland_client.dataset_sources import Form, HubName, of_file, of_hub, of_path
from funland_client.errors import DatasetNotFoundError

EPILOG = """\b
Examples:
  funland datasets create chats.jsonl
  funland datasets create /data/chats --name chats
  funland datasets create owner/name --hub modelscope --include 'train/*'
  funland datasets rows 3f2a -n 3
  funland datasets tokens 3f2a --model qwen

\b
A dataset is named by its id, or the beginning of it (`ds_` may be left out).
"""

app = typer.Typer(
    help="See, make and count datasets to train with.", epilog=EPILOG, rich_markup_mode=None
)

DatasetId = Annotated[
    str, typer.Argument(metavar="DATASET", help="Its id, or the beginning of it.")
]
Version = Annotated[
    int, typer.Option("--version", metavar="N", min=0, help="Which one.  [default: the newest]")
]
_SENT_FOR: Final = 24 * 3600
"""Seconds for which a file is kept that was sent to make a dataset of."""
_RETRIES: Final = 2


@app.callback(invoke_without_command=True)
def datasets(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, make and count datasets to train with; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_datasets(context)


@app.command("list")
def list_datasets(
    context: typer.Context,
    *,
    project: Annotated[str, typer.Option(metavar="ID", help="Only those of this project.")] = "",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the datasets, in the order in which they were made."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.datasets.list(project_id=project)
    if session.output.as_json:
        session.output.document({"datasets": [document(dataset) for dataset in found]})
        return
    session.output.table(COLUMNS, (row(dataset, datetime.now(UTC)) for dataset in found))


@app.command()
def create(
    context: typer.Context,
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file, which is sent; a folder of the server's machine; or owner/name on a hub.",
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it.  [default: as its source]")
    ] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="What it is about.")] = "",
    project: Annotated[str, typer.Option(metavar="ID", help="The project to put it into.")] = "",
    hub: Annotated[
        HubName | None, typer.Option(help="The hub.  [default: the first that has it]")
    ] = None,
    revision: Annotated[
        str, typer.Option(metavar="NAME", help="A branch, tag or commit on the hub.")
    ] = "",
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Only such files of the hub; may be given again."),
    ] = None,
    form: Annotated[
        Form | None, typer.Option(help="What its rows say.  [default: found out]")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print its id and leave.")] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Make a dataset of a file, a folder or a hub's dataset, and show how far that is."""
    session = options.session(context, server, as_json)
    place = Path(source)
    with session.client(_RETRIES) as client:
        if hub is None and place.is_file():
            made_of = _sent(session, client, place, form)
        elif hub is None and (place.is_dir() or place.is_absolute()):
            made_of = of_path(str(place.absolute()), form=form)
        else:
            made_of = of_hub(source, hub=hub, revision=revision, include=include or (), form=form)
        dataset = client.datasets.create(
            name or place.name, made_of, description=description, project_id=project
        )
        if detach:
            session.tell(dataset, dataset.dataset_id)
            return
        dataset = _followed(session, client, dataset)
    if session.output.as_json:
        session.output.event(document(dataset))
    else:
        session.output.pairs(all_of(dataset, datetime.now(UTC)))


@app.command()
def show(
    context: typer.Context,
    *,
    dataset: DatasetId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a dataset, and what is wrong with its rows."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.datasets.get(dataset_id(client, dataset))
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(all_of(found, datetime.now(UTC)))


@app.command()
def rows(
    context: typer.Context,
    *,
    dataset: DatasetId,
    version: Version = 0,
    skip: Annotated[int, typer.Option(metavar="N", min=0, help="Pass over so many.")] = 0,
    most: Annotated[int, typer.Option("-n", metavar="N", min=1, max=1000, help="So many.")] = 20,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Write rows as they are kept, a line of JSON for each."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.datasets.rows(
            dataset_id(client, dataset), version=version, skip=skip, limit=most
        )
    for one in found:
        session.output.line(json.dumps(one, ensure_ascii=False))


@app.command()
def tokens(
    context: typer.Context,
    *,
    dataset: DatasetId,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="Whose tokenizer counts.")
    ] = "",
    version: Version = 0,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Count the tokens with a model's tokenizer and its chat template."""
    session = options.session(context, server, as_json)
    session.output.wait("Counting")
    try:
        with session.client() as client:
            counted = client.datasets.tokens(dataset_id(client, dataset), model, version=version)
    finally:
        session.output.waited()
    if session.output.as_json:
        session.output.document(document(counted))
    else:
        session.output.pairs(counts(counted))


@app.command()
def delete(
    context: typer.Context,
    *,
    datasets: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Ids, or beginnings of them.")
    ],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove datasets with all their versions."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in datasets:
            found = dataset_id(client, text)
            client.datasets.delete(found)
            if session.output.as_json:
                session.output.event({"deleted_dataset_id": found})
            else:
                session.output.line(f"Deleted {found}.")


def _sent(
    session: options.Session, client: Funland, path: Path, form: Form | None
) -> DatasetSource:
    """The file as the server keeps it."""
    with sending(session, path) as progress:
        file = client.uploads.send(path, retention_seconds=_SENT_FOR, progress=progress)
    return of_file(file.file_id, form=form)


def _followed(session: options.Session, client: Funland, dataset: Dataset) -> Dataset:
    """A dataset when it is read; raises the error of one that could not be."""
    with closing(shown(client.datasets.follow(dataset.dataset_id), session.output)) as states:
        for state in states:
            dataset = state
    return dataset


def dataset_id(client: Funland, text: str) -> str:
    """The id that is meant; what names none is given back, for the server to say so."""
    with suppress(DatasetNotFoundError):
        return client.datasets.get(text).dataset_id
    return begun(text, [dataset.dataset_id for dataset in client.datasets.list()]) or text
