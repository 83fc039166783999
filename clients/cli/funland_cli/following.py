"""Follows a download to its end, and says how to go on when it does not come there."""

from __future__ import annotations

import shlex
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

import typer

from funland.v1.downloads_pb2 import Download
from funland_cli.documents import document
from funland_cli.download_views import amount, finished, next_step, out_of_sight
from funland_cli.failures import CommandError, ExitCode
from funland_cli.options import Session
from funland_cli.progress import show
from funland_cli.told_failures import failure_of
from funland_client import FunlandError
from funland_client.errors import (
    DownloadStateError,
    DownloadStoppedError,
    NotFoundError,
    ServerUnreachableError,
)
from funland_client.followed import has_ended
from funland_client.retries import Attempts

_RETRIES: Final = 10
"""A server that starts again is waited for, most of a minute: the download goes on with it."""


def follow_or_pause(session: Session, download: Download, again: Sequence[str]) -> None:
    """Shows a download until its model is installed; Ctrl-C pauses it.

    `again` is the command that goes on with it.
    """
    try:
        follow(session, download)
    except KeyboardInterrupt:
        raise typer.Exit(_pause(session, download, again)) from None


def follow(session: Session, download: Download) -> None:
    """Shows a download until its model is installed, and says how to use it.

    Raises CommandError with what can be done if that does not come about.
    """
    last = download
    try:
        with (
            closing(_states(session, download)) as states,
            closing(show(states, session.output)) as shown,
        ):
            for state in shown:
                last = state
        _tell_end(session, last)
    except FunlandError as error:
        failure = failure_of(error)
        raise CommandError(
            failure.message,
            hint=after_failure(error, failure.hint, last, session.flags),
            exit_code=failure.exit_code,
            details=failure.details,
        ) from error


def _states(session: Session, download: Download) -> Generator[Download]:
    """The states of a download; between them, for people, that its server is waited for."""
    if download.state == Download.COMPLETED:
        yield download
        return
    attempts = Attempts(_RETRIES, None)
    last = download
    while True:
        try:
            with session.client() as client:  # an old channel would wait longer than we do
                for state in client.downloads.follow(download.download_id):
                    last, attempts = state, Attempts(_RETRIES, None)
                    yield state
        except FunlandError as error:
            if has_ended(last) or (seconds := attempts.pause(error)) is None:
                raise
            if not session.output.as_json:
                yield out_of_sight(last, failure_of(error).message)
            time.sleep(seconds)
        else:
            return


def _tell_end(session: Session, download: Download) -> None:
    """Says what was installed; for programs the last event was enough."""
    if session.output.as_json:
        return
    with session.client() as client:
        model = client.models.get(download.model_id)
    session.output.line(finished(download, model))


def _pause(session: Session, watched: Download, again: Sequence[str]) -> ExitCode:
    """Pauses a download whose watcher wants to leave; says how to go on."""
    output = session.output
    try:
        with session.client() as client:
            try:
                download = client.downloads.pause(watched.download_id)
            except DownloadStateError:  # It has come to its end meanwhile.
                download = client.downloads.get(watched.download_id)
    except FunlandError as error:
        failure = failure_of(error)
        hint = after_failure(error, failure.hint, watched, session.flags)
        output.failure(replace(failure, hint=hint))
        return ExitCode.INTERRUPTED
    if output.as_json:
        output.event(document(download))
    if download.state == Download.COMPLETED:
        _tell_end(session, download)
        return ExitCode.OK
    if download.state == Download.PAUSED:
        output.note(f"Paused at {amount(download) or 'its beginning'}.", style="")
        output.note(f"{next_step(download, session.flags)}, or: {shlex.join(again)}", style="")
    else:
        output.note(next_step(download, session.flags), style="")
    return ExitCode.INTERRUPTED


def after_failure(error: FunlandError, hint: str, last: Download, server: Sequence[str]) -> str:
    """What to do after a failure that itself says `hint`, with a download that was `last` so."""
    match error:
        case ServerUnreachableError():
            return f"{hint}; the download then goes on by itself"
        case NotFoundError() | DownloadStoppedError(download=None):
            return hint
        case _:
            return next_step(last, server) or hint
