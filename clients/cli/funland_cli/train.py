"""`funland train`: models learn from datasets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import typer

from funland.v1.training_pb2 import Hyperparameters, SubmitTrainingRequest, TrainingRun
from funland_cli import options, train_files, train_views
from funland_cli import train_options as ways
from funland_cli.datasets import dataset_id
from funland_cli.documents import document
from funland_cli.train_following import follow
from funland_cli.train_names import RunId, RunIds, run_id
from funland_client import Funland

EPILOG: Final = """\b
Examples:
  funland datasets create chats.jsonl
  funland train start 3f2a -m funland-tiny --epochs 5 --evaluation-ratio 0.1 --patience 3
  funland train watch 7c1f
  funland train compare 7c1f 9b02
  funland chat -m funland-tiny --adapter my-adapter "Hello."

\b
A run is named by its id, the beginning of it (`run_` may be left out), or its number. Ctrl-C leaves
it as it is: it learns on at the server.
"""

app = typer.Typer(
    help="Have models learn from datasets; see, compare and export what they learn.",
    epilog=EPILOG,
    rich_markup_mode=None,
)

State = Annotated[
    Literal["pending", "running", "paused", "completed", "failed", "cancelled"] | None,
    typer.Option(help="Only those that are so."),
]
ModelName = Annotated[
    str, typer.Option("--model", "-m", metavar="MODEL", help="The model that learns.")
]


@app.callback(invoke_without_command=True)
def train(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Have models learn from datasets; see, compare and export what they learn; list runs when
    nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_runs(context)


@app.command()
def start(
    context: typer.Context,
    *,
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="Its id, or the beginning of it.")
    ],
    model: ModelName,
    version: Annotated[
        int,
        typer.Option("--version", metavar="N", min=0, help="Of the dataset.  [default: newest]"),
    ] = 0,
    template: Annotated[
        str, typer.Option(metavar="NAME", help="The way to learn.  [default: lora]")
    ] = "",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it.  [default: of both names]")
    ] = "",
    adapter_id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The id to give the adapter, or the model.")
    ] = "",
    backend: Annotated[
        Literal["numpy", "torch"] | None,
        typer.Option(help="What computes.  [default: the template's]"),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="ID", help="Where.  [default: the template's first]")
    ] = "",
    project: Annotated[str, typer.Option(metavar="ID", help="The project to put it into.")] = "",
    priority: Annotated[
        int, typer.Option(metavar="N", min=-100, max=100, help="Higher ones go first.")
    ] = 0,
    rank: ways.Rank = None,
    alpha: ways.Alpha = None,
    learning_rate: ways.LearningRate = None,
    epochs: ways.Epochs = None,
    max_steps: ways.MaxSteps = None,
    batch_size: ways.BatchSize = None,
    max_tokens: ways.MaxTokens = None,
    warmup_ratio: ways.WarmupRatio = None,
    weight_decay: ways.WeightDecay = None,
    max_grad_norm: ways.MaxGradNorm = None,
    evaluation_ratio: ways.EvaluationRatio = None,
    evaluation_steps: ways.EvaluationSteps = None,
    patience: ways.Patience = None,
    seed: ways.Seed = None,
    checkpoint_steps: ways.CheckpointSteps = None,
    threads: ways.Threads = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only tell what it would take.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Print its id and leave.")] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Have a model learn from a dataset, and show how that goes.

    What is not said is as the template has it: funland train templates lora
    """
    given = {
        "rank": rank, "alpha": alpha, "learning_rate": learning_rate, "epochs": epochs,
        "max_steps": max_steps, "batch_size": batch_size, "max_tokens": max_tokens,
        "warmup_ratio": warmup_ratio, "weight_decay": weight_decay,
        "max_grad_norm": max_grad_norm, "evaluation_ratio": evaluation_ratio,
        "evaluation_steps": evaluation_steps, "patience": patience, "seed": seed,
        "checkpoint_steps": checkpoint_steps, "threads": threads,
    }  # fmt: skip
    session = options.session(context, server, as_json)
    request = SubmitTrainingRequest(
        model_id=model, dataset_version=version, template_id=template, name=name,
        project_id=project, priority=priority, backend=backend or "", device_id=device,
        **{"result_model_id" if template == "full" else "adapter_id": adapter_id},
        hyperparameters=_hyperparameters(given),
    )  # fmt: skip
    with session.client() as client:
        request.dataset_id = dataset_id(client, dataset)
        if estimate:
            told = client.training.estimate(request)
            if session.output.as_json:
                session.output.document(document(told))
            else:
                session.output.pairs(train_views.estimated(told))
            return
        try:
            run = client.training.submit(request)
        except KeyboardInterrupt:
            session.output.note("It may have begun nevertheless. To see it: funland train", "")
            raise
    if detach:
        session.tell(run, run.run_id)
        session.output.note(train_views.next_step(run, session.flags))
    else:
        follow(session, run.run_id)


@app.command("list")
def list_runs(
    context: typer.Context,
    *,
    state: State = None,
    project: Annotated[str, typer.Option(metavar="ID", help="Only those of this project.")] = "",
    most: Annotated[int, typer.Option("-n", metavar="N", min=1, help="At most so many.")] = 50,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the runs, the newest first."""
    session = options.session(context, server, as_json)
    states = [TrainingRun.State.Value(state.upper())] if state else []
    with session.client() as client:
        found = client.training.list(project_id=project, states=states, limit=most + 1)
    shown, more = found[:most], found[most:]
    if session.output.as_json:
        session.output.document({"runs": [document(run) for run in shown]})
        return
    now = datetime.now(UTC)
    session.output.table(train_views.COLUMNS, (train_views.row(run, now) for run in shown))
    if more:
        session.output.note(f"There are more than {most}: -n shows as many as you like.")


@app.command()
def show(
    context: typer.Context,
    *,
    run: RunId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a run."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.training.get(run_id(client, run))
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(train_views.all_of(found, datetime.now(UTC)))


@app.command()
def watch(
    context: typer.Context,
    *,
    run: RunId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show how a run learns, until its end. Ctrl-C leaves it as it is."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = run_id(client, run)
    follow(session, found)


@app.command()
def pause(
    context: typer.Context,
    *,
    runs: RunIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Have runs write a checkpoint and rest."""
    _each(context, server, as_json, runs, lambda client: client.training.pause)


@app.command()
def resume(
    context: typer.Context,
    *,
    runs: RunIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Have runs go on that rest, failed or were cancelled, from their last checkpoint."""
    _each(context, server, as_json, runs, lambda client: client.training.resume)


@app.command()
def cancel(
    context: typer.Context,
    *,
    runs: RunIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """End runs within a step."""
    _each(context, server, as_json, runs, lambda client: client.training.cancel)


@app.command()
def delete(
    context: typer.Context,
    *,
    runs: RunIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove runs, their steps and checkpoints; their adapters stay with the models."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in runs:
            found = run_id(client, text)
            client.training.delete(found)
            if session.output.as_json:
                session.output.event({"deleted_run_id": found})
            else:
                session.output.line(f"Deleted {found}.")


def _each(
    context: typer.Context,
    server: str | None,
    as_json: bool,
    runs: list[str],
    action: Callable[[Funland], Callable[[str], TrainingRun]],
) -> None:
    """Does something with each run and tells how it stands then."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in runs:
            run = action(client)(run_id(client, text))
            session.tell(run, f"{run.run_id}: {train_views.standing(run)}, step {run.step}")


def _hyperparameters(given: dict[str, Any]) -> Hyperparameters:
    return Hyperparameters(**{name: value for name, value in given.items() if value is not None})


train_files.add_to(app)
