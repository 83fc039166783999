"""The words of `funland train` that tell what can be trained, compare runs, and bring what they
learnt out and in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Final, Literal

import typer

from funland.v1.training_pb2 import ExportAdapterRequest, TrainingRun
from funland_cli import options, train_views
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.train_names import RunId, RunIds, run_id

_PIPE: Final = "-"
_FORMATS: Final = {
    "gguf": (ExportAdapterRequest.GGUF, ".gguf"),
    "peft": (ExportAdapterRequest.PEFT, ".zip"),
}

ToFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="PATH", help="Where to: a file; - is a pipe."),
]


def add_to(app: typer.Typer) -> None:
    """Adds these words to the group."""
    for name, function in _WORDS.items():
        app.command(name)(function)


def models(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """List the models that can be trained."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.training.models()
    if session.output.as_json:
        session.output.document({"models": [document(model) for model in found]})
    else:
        session.output.table(train_views.MODELS, map(train_views.model_row, found))


def templates(
    context: typer.Context,
    *,
    template: Annotated[
        str | None,
        typer.Argument(
            metavar="TEMPLATE", help="Show what can be set of this one.", show_default=False
        ),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the ways to train, or what can be set of one."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.training.templates()
    if template is not None:
        names = ", ".join(one.template_id for one in found)
        found = [one for one in found if one.template_id == template]
        if not found:
            raise CommandError(
                f"There is no template {template!r}, but {names}.", exit_code=ExitCode.NOT_FOUND
            )
    if session.output.as_json:
        session.output.document({"templates": [document(one) for one in found]})
    elif template is not None:
        session.output.table(train_views.RANGES, train_views.ranges(found[0]))
    else:
        session.output.table(train_views.TEMPLATES, map(train_views.template_row, found))


def compare(
    context: typer.Context,
    *,
    runs: RunIds,
    points: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="At most so many steps of each.")
    ] = 100,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show runs beside one another, and in what they differ."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        ids = list(dict.fromkeys(run_id(client, text) for text in runs))
        found = [client.training.get(one) for one in ids]
        curves = client.training.metrics(*ids, points=points)
    if session.output.as_json:
        document_ = {
            "runs": [document(run) for run in found],
            "curves": [document(curve) for curve in curves],
        }
        session.output.document(document_)
    else:
        session.output.table(*train_views.compared(found, curves))


def plot(
    context: typer.Context,
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Those to draw.  [default: the newest]"),
    ] = None,
    output: ToFile = None,
    width: Annotated[int, typer.Option(metavar="PIXELS", min=0, help="How wide it is.")] = 960,
    height: Annotated[int, typer.Option(metavar="PIXELS", min=0, help="How high it is.")] = 480,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Draw the losses of runs as SVG, into loss.svg unless another is named."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        ids = [run_id(client, text) for text in runs or ()]
        picture = client.training.plot(*ids, width=width, height=height)
    _written(session, [picture], output, "loss.svg")


def export(
    context: typer.Context,
    *,
    run: RunId,
    format: Annotated[  # noqa: A002 - the flag's name
        Literal["gguf", "peft"],
        typer.Option(help="As llama.cpp has it, or a ZIP as PEFT has it."),
    ] = "gguf",
    output: ToFile = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Fetch what a run has learnt, as GGUF or for PEFT.

    It is the last checkpoint's adapter, or model. Without --output nothing is written over.
    """
    session = options.session(context, server, as_json)
    wire, ending = _FORMATS[format]
    with session.client() as client:
        found: TrainingRun = client.training.get(run_id(client, run))
        with closing(client.training.stream_adapter(found.run_id, wire)) as parts:
            _written(session, parts, output, f"{found.result_model_id or found.adapter_id}{ending}")


def import_(
    context: typer.Context,
    *,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="With adapter_config.json, on the server's machine."),
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="The model that it is for.")
    ],
    adapter_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The id to give it.  [default: as its folder]")
    ] = "",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Attach an adapter that PEFT has trained to a model."""
    session = options.session(context, server, as_json)
    path = str(folder.absolute())
    with session.client() as client:
        taken = client.training.import_peft(model, path, adapter_id=adapter_id)
    layers = f"{len(taken.layers)} layers, rank {taken.rank}"
    session.tell(taken, f"Adapter {taken.adapter_id} of {model} is there: {layers}.")


_WORDS: Final = {
    "models": models,
    "templates": templates,
    "compare": compare,
    "plot": plot,
    "export": export,
    "import": import_,
}


def _written(
    session: options.Session, parts: Iterable[bytes], output: Path | None, name: str
) -> None:
    """Writes a file, whole or not at all; what is there is only written over if it is named."""
    if str(output) == _PIPE:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    place = output or Path(name)
    if place.is_dir():
        place /= name
    if output is None and place.exists():
        raise CommandError(
            f"{place} is there already.", hint="To write it elsewhere, or over it: --output"
        )
    beside = place.with_name(f".{place.name[:200]}.{token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        raise CommandError(f"{place} can't be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
    if session.output.as_json:
        session.output.event({"path": str(place)})
    else:
        session.output.line(str(place))
