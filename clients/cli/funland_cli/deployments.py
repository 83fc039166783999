"""`funland deployments` and `funland logs`: models that stay in memory under a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from funland.v1.system_pb2 import PartHealth
from funland_cli import options
from funland_cli.deploying import follow
from funland_cli.deployment_views import (
    COLUMNS,
    PROCESSES,
    all_of,
    called,
    health_pairs,
    log_line,
    next_step,
    process_row,
    row,
    standing,
)
from funland_cli.documents import document
from funland_cli.failures import ExitCode
from funland_client.arguments import DeploymentState

EPILOG = """\b
Examples:
  funland deploy qwen2.5:0.5b --name chat
  funland deployments
  funland deployments show chat
  funland deployments restart chat
"""

LOGS_EPILOG = """\b
Examples:
  funland logs chat
  funland logs chat -n 20 -f
"""

app = typer.Typer(help="See, stop and restart deployments.", epilog=EPILOG, rich_markup_mode=None)

DeploymentId = Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="Its name or id.")]
DeploymentIds = Annotated[list[str], typer.Argument(metavar="DEPLOYMENT...", help="Names or ids.")]
_RETRIES = 10


@app.callback(invoke_without_command=True)
def deployments(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, stop and restart deployments; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_deployments(context)


@app.command("list")
def list_deployments(
    context: typer.Context,
    *,
    state: Annotated[DeploymentState | None, typer.Option(help="Only those that are so.")] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the deployments, the newest first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.deployments.list(states=[state] if state else ())
    if session.output.as_json:
        session.output.document({"deployments": [document(each) for each in found]})
        return
    session.output.table(COLUMNS, (row(each, datetime.now(UTC)) for each in found))


@app.command()
def show(
    context: typer.Context,
    *,
    deployment: DeploymentId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a deployment, and its processes."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.deployments.get(deployment)
    if session.output.as_json:
        session.output.document(document(found))
        return
    session.output.pairs(all_of(found, datetime.now(UTC)))
    if found.processes:
        session.output.line()
        session.output.table(PROCESSES, map(process_row, found.processes))


@app.command()
def stop(
    context: typer.Context,
    *,
    deployments: DeploymentIds,
    force: Annotated[
        bool, typer.Option("--force", help="End the calls that they still answer.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Take deployments out of memory, and keep them to be started again."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for name in deployments:
            stopped = client.deployments.stop(name, force=force)
            session.tell(stopped, f"{called(stopped)}: {standing(stopped)}")


@app.command()
def restart(
    context: typer.Context,
    *,
    deployment: DeploymentId,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Do not wait until it runs.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Start a deployment anew, and wait until it runs."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        started = client.deployments.restart(deployment)
    if detach:
        session.tell(started, f"{called(started)}: {standing(started)}")
        session.output.note(next_step(started, session.flags))
    else:
        follow(session, started)


@app.command()
def delete(
    context: typer.Context,
    *,
    deployments: DeploymentIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Stop deployments and forget them; their models stay installed."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for name in deployments:
            client.deployments.delete(name)
            if session.output.as_json:
                session.output.event({"deleted_deployment_id": name})
            else:
                session.output.line(f"Deleted {name}.")


@app.command()
def health(
    context: typer.Context,
    *,
    deployment: DeploymentId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Ask each process of a deployment whether it answers.

    The exit code is 1 if none does.
    """
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.deployments.health(deployment)
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(health_pairs(found))
    if found.state == PartHealth.FAILED:
        raise typer.Exit(ExitCode.FAILED)


def logs(
    context: typer.Context,
    *,
    deployment: DeploymentId,
    lines: Annotated[
        int,
        typer.Option(
            "--lines", "-n", metavar="N", min=0, max=10_000, help="How many of the last lines."
        ),
    ] = 100,
    follow_on: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with those that come, until Ctrl-C.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show what a deployment's processes wrote, and what became of them."""
    session = options.session(context, server, as_json)
    output = session.output
    with session.client(_RETRIES if follow_on else 0) as client:
        found = (
            client.deployments.follow_logs(deployment, lines=lines)
            if follow_on
            else client.deployments.logs(deployment, lines=lines or 1)[:lines]
        )
        for line in found:
            if output.as_json:
                output.event(document(line))
            else:
                output.line(log_line(line))
