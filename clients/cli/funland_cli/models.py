"""`funland models`: what is installed, and what is in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from funland.v1.models_pb2 import Model
from funland_cli import options
from funland_cli.documents import document
from funland_cli.output import quantity, size

EPILOG = """\b
Examples:
  funland models list
  funland models import ~/Downloads/qwen2.5-0.5b-instruct-q4_k_m.gguf --alias qwen
  funland models load qwen --context 4096
"""

app = typer.Typer(help="See, import, load and delete models.", epilog=EPILOG, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """Show the help when nothing is asked for."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit


ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="The model's id or alias.")]
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
        ("MODEL", ">SIZE", ">PARAMETERS", "QUANTIZATION", ">CONTEXT", "STATE"),
        (
            (
                model.model_id + (" (default)" if model.default else ""),
                size(model.size_bytes),
                quantity(model.parameter_count),
                model.quantization,
                str(model.context_length),
                state(model),
            )
            for model in models
        ),
    )


@app.command()
def show(
    context: typer.Context,
    *,
    model: ModelId,
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
    session.output.pairs(
        [
            ("model", found.model_id),
            ("aliases", ", ".join(found.aliases)),
            ("name", found.display_name),
            ("about", found.description),
            ("source", found.source),
            ("architecture", found.architecture),
            ("quantization", found.quantization),
            ("parameters", quantity(found.parameter_count)),
            ("context", f"{found.context_length} tokens"),
            ("embedding", f"{found.embedding_length} numbers"),
            ("size", size(found.size_bytes)),
            ("sha256", found.sha256),
            ("license", found.license),
            ("chat", "yes" if found.can_chat else "no: it has no chat template"),
            ("state", state(found)),
            ("error", found.load_error.message),
        ]
    )


@app.command("import")
def import_model(
    context: typer.Context,
    *,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A GGUF file on the server's machine.")
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
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Install a model from a file."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        model = client.models.import_file(
            path.expanduser().absolute(), model_id, aliases=alias or (), sha256=sha256
        )
    _tell(session, model, f"Imported {model.model_id}. Try it: funland chat -m {model.model_id}")


@app.command()
def load(
    context: typer.Context,
    *,
    model: ModelId,
    context_length: Annotated[
        int | None,
        typer.Option("--context", metavar="TOKENS", help="Tokens of a call's prompt and answer."),
    ] = None,
    slots: Annotated[
        int | None, typer.Option(metavar="N", help="How many calls to answer at once.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="How many threads compute.")
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Load a model into memory and wait until it is ready."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        loaded = client.models.load(
            model, context_length=context_length, slots=slots, threads=threads
        )
    _tell(session, loaded, f"Loaded {loaded.model_id} in {loaded.loaded.load_ms / 1000:.1f} s.")


@app.command()
def unload(
    context: typer.Context,
    *,
    models: ModelIds,
    force: Annotated[
        bool, typer.Option("--force", help="End the calls that it still answers.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Take models out of memory."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for model in models:
            unloaded = client.models.unload(model, force=force)
            _tell(session, unloaded, f"Unloaded {unloaded.model_id}.")


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


def state(model: Model) -> str:
    """Tells a model's state in lower case; empty for one that this version does not know."""
    known = model.state in Model.State.values()
    return Model.State.Name(model.state).lower() if known else ""


def _tell(session: options.Session, model: Model, text: str) -> None:
    if session.output.as_json:
        session.output.event(document(model))
    else:
        session.output.line(text)
