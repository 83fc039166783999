"""Shows a deployment until it runs, and says what to do when it does not come to that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

import typer

from funland.v1.deployments_pb2 import Deployment
from funland_cli.deployment_views import next_step, running, standing
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.options import Session
from funland_cli.output import Output
from funland_cli.progress import show
from funland_cli.told_failures import failure_of
from funland_client import Funland, FunlandError
from funland_client.errors import NotFoundError, ServerUnreachableError

_RETRIES: Final = 10
"""A server that starts again is waited for, most of a minute: the deployment goes on with it."""

_ENDPOINT_SECONDS: Final = 5.0
"""How long a gateway has to open a port; there may be none that does."""

_LOOK_SECONDS: Final = 0.1


def follow(session: Session, deployment: Deployment) -> None:
    """Shows a deployment until it runs, and says how to use it. Ctrl-C leaves it as it is.

    Raises CommandError with what can be done if it does not come to run.
    """
    last = deployment
    output = session.output
    try:
        with session.client(_RETRIES) as client:
            states = client.deployments.follow(deployment.deployment_id)
            for state in _shown(states, client, output):
                last = state
            last = _with_endpoint(last, client)
    except KeyboardInterrupt:
        output.waited()
        output.note(next_step(last, session.flags), style="")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except FunlandError as error:
        output.waited()
        failure = failure_of(error)
        gone = isinstance(error, NotFoundError | ServerUnreachableError)
        raise CommandError(
            failure.message,
            hint=failure.hint if gone else next_step(last, session.flags),
            exit_code=failure.exit_code,
            details=failure.details,
        ) from error
    output.waited()
    if output.as_json:
        output.event(document(last))
        return
    for line in running(last, session.flags):
        output.line(line)
    if last.endpoint_error:
        output.note(f"Nothing answers at port {last.port}: {last.endpoint_error}", style="")


def _shown(states: Iterable[Deployment], client: Funland, output: Output) -> Iterator[Deployment]:
    """Shows each state but that it runs before it hands it on; of a download, all that comes."""
    told = ""
    for state in states:
        if state.state != Deployment.RUNNING:
            told = _show(state, told, output)
        yield state
        if state.state == Deployment.DOWNLOADING and state.download_id and not output.as_json:
            output.waited()
            _show_download(state.download_id, client, output)


def _show(state: Deployment, told: str, output: Output) -> str:
    """Shows a state, if that is news; gives what is shown now."""
    now = standing(state)
    if output.as_json:
        output.event(document(state))
    elif output.draws:
        output.wait(now)
    elif now != told and state.state not in {Deployment.DOWNLOADING, Deployment.FAILED}:
        output.note(now, style="")
    return now


def _show_download(download_id: str, client: Funland, output: Output) -> None:
    """Shows a download to its end; the deployment says itself what becomes of it then."""
    try:
        for _ in show(client.downloads.follow(download_id), output):
            pass
    except FunlandError as error:
        output.note(failure_of(error).message, style="")


def _with_endpoint(deployment: Deployment, client: Funland) -> Deployment:
    """The deployment when its port is open, or is known not to be: a gateway does that."""
    end = time.monotonic() + _ENDPOINT_SECONDS
    while deployment.port and not (deployment.endpoint_url or deployment.endpoint_error):
        if time.monotonic() > end:
            deployment.endpoint_error = "no gateway has opened it."
            break
        time.sleep(_LOOK_SECONDS)
        deployment = client.deployments.get(deployment.deployment_id)
    return deployment
