"""`funland models`: what is installed, and what is in memory."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from funland_cli import loading, options
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.output import quantity, size
from funland_cli.sending import sending
from funland_cli.views import all_of, format_name, hub_name, kind_name, state, use

EPILOG = """\b
Examples:
  funland models list
  funland models import ~/Downloads/qwen2.5-0.5b-instruct-q4_k_m.gguf --alias qwen
  funland models import /models/qwen3-235b-a22b-q4_k_m-00001-of-00003.gguf --id qwen3-235b
  funland models import ~/Downloads/mine.gguf --upload --server gpu.internal:50051
  funland models load qwen --context 4096
"""

app = typer.Typer(help="See, import, load and delete models.", epilog=EPILOG, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """Show the help when nothing is asked for."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit


ModelIds = Annotated[list[str], typer.Argument(metavar="MODEL...", help="Ids or aliases.")]


@app.command("list")
def list_models(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """List the installed models."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        models = client.models.list()
    if session.output.as_json:
        session.output.document({"models": [document(model) for model in models]})
        return
    session.output.table(
        (
            "MODEL",
            "KIND",
            "FROM",
            "FORMAT",
            ">SIZE",
            ">PARAMETERS",
            "QUANTIZATION",
            ">CONTEXT",
            "STATE",
        ),
        (
            (
                model.model_id + (" (default)" if model.default else ""),
                kind_name(model),
                hub_name(model.origin.hub),
                format_name(model),
                size(model.size_bytes),
                quantity(model.parameter_count),
                model.quantization,
                str(model.context_length or ""),
                state(model, datetime.now(UTC)),
            )
            for model in models
        ),
    )


@app.command()
def show(
    context: typer.Context,
    *,
    model: options.ModelId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a model."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.models.get(model)
    if session.output.as_json:
        session.output.document(document(found))
        return
    session.output.pairs(all_of(found, datetime.now(UTC)))


@app.command("import")
def import_model(
    context: typer.Context,
    *,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A file or folder on the server's machine; of several GGUF files the first.",
        ),
    ],
    model_id: Annotated[
        str,
        typer.Option(
            "--id", metavar="ID", help="The id to give it.  [default: made from the file's name]"
        ),
    ] = "",
    alias: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name for it; may be given again."),
    ] = None,
    sha256: Annotated[
        str, typer.Option(metavar="HEX", help="The SHA-256 that the file must have.")
    ] = "",
    projector: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What shows a GGUF model pictures or sounds (mmproj-*.gguf), on the server's"
            " machine.",
        ),
    ] = None,
    upload: Annotated[
        bool,
        typer.Option(
            "--upload", help="PATH is a GGUF file on this machine: send it to the server."
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a model that has the id.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Install a model from a GGUF file, or a folder of another engine's."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        place = path.expanduser().absolute()
        if not upload:
            model = client.models.import_file(
                place,
                model_id,
                aliases=alias or (),
                sha256=sha256,
                projector=projector.expanduser().absolute() if projector else "",
                replace=replace,
            )
        elif projector:
            raise CommandError(
                "--upload sends one file: import it beside its projector on the server's machine.",
                exit_code=ExitCode.USAGE,
            )
        elif sha256:
            raise CommandError(
                "--upload compares the SHA-256 by itself: leave --sha256 out.",
                exit_code=ExitCode.USAGE,
            )
        else:
            with sending(session, path) as progress:
                model = client.models.upload_file(
                    place, model_id, aliases=alias or (), replace=replace, progress=progress
                )
    session.tell(model, f"Imported {model.model_id}. Try it: {use(model)}")


@app.command()
def unload(
    context: typer.Context,
    *,
    models: ModelIds,
    force: Annotated[
        bool, typer.Option("--force", help="End the calls that they still answer, and their pins.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Take models out of memory."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            unloaded = client.models.unload(model, force=force)
            session.tell(unloaded, f"Unloaded {unloaded.model_id}.")


@app.command()
def pin(
    context: typer.Context,
    *,
    models: ModelIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Load models and hold them in memory, after restarts too."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            pinned = client.models.pin(model)
            session.tell(pinned, f"{pinned.model_id} is in memory, and stays there.")


@app.command()
def unpin(
    context: typer.Context,
    *,
    models: ModelIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Let models leave the memory as others do."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            unpinned = client.models.unpin(model)
            session.tell(unpinned, f"{unpinned.model_id} leaves when nobody calls it.")


@app.command("rm")
def remove(
    context: typer.Context,
    *,
    models: ModelIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Delete models and their files."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            client.models.delete(model)
            if session.output.as_json:
                session.output.event({"deleted_model_id": model})
            else:
                session.output.line(f"Deleted {model}.")


@app.command()
def attach(
    context: typer.Context,
    *,
    model: options.ModelId,
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A GGUF with a LoRA adapter on the server's machine."),
    ],
    adapter_id: Annotated[
        str,
        typer.Option(
            "--id", metavar="ID", help="The id to give it.  [default: made from the file's name]"
        ),
    ] = "",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Attach a LoRA adapter to a model."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        attached = client.models.attach(model, path.expanduser().absolute(), adapter_id)
    adapters = ", ".join(adapter.adapter_id for adapter in attached.adapters)
    session.tell(attached, f"{attached.model_id} has the adapters: {adapters}.")


@app.command()
def detach(
    context: typer.Context,
    *,
    model: options.ModelId,
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER", help="The adapter's id.")],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Detach an adapter from its model and delete its file."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        detached = client.models.detach(model, adapter)
    session.tell(detached, f"Detached {adapter} from {detached.model_id}.")


app.command(epilog=loading.EPILOG)(loading.load)
