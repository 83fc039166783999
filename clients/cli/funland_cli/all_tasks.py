"""Shows how far all tasks are, as they go on."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

import typer
from rich.text import Text

from funland.v1.tasks_pb2 import Task, TaskEvent
from funland_cli.documents import document
from funland_cli.failures import ExitCode
from funland_cli.options import Session
from funland_cli.output import Output, printable, tabled
from funland_cli.sight import OutOfSight, kept_in_sight
from funland_cli.steps import words
from funland_cli.task_views import COLUMNS, row, standing
from funland_client import Funland
from funland_client.ends import task_has_ended


@dataclass(slots=True)
class Known:
    """What the events told so far."""

    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    gone: bool = False
    """Whether the server is out of sight."""


def watch_all(session: Session) -> None:
    """Shows all tasks until Ctrl-C, which leaves them as they are."""
    try:
        with closing(kept_in_sight(session, _events, lambda _: False)) as events:
            _show(events, session.output)
    except KeyboardInterrupt:
        session.output.note("What runs goes on at the server.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _events(client: Funland) -> Generator[TaskEvent]:
    with client.tasks.watch_all() as events:
        yield from events


def _show(events: Iterable[TaskEvent | OutOfSight], output: Output) -> None:
    known = Known()
    if output.as_json:
        for event in events:
            if not isinstance(event, OutOfSight):
                output.event(document(event))
    elif output.draws:
        _draw(events, known, output)
    else:
        for event in events:
            for line in news(event, known, datetime.now(UTC)):
                output.line(line)


def _draw(events: Iterable[TaskEvent | OutOfSight], known: Known, output: Output) -> None:
    """Draws those that go on; of those that end, a line says so."""
    with output.picture() as picture:
        for event in events:
            now = datetime.now(UTC)
            lines = news(event, known, now)
            if isinstance(event, OutOfSight):
                picture.update(Text(printable(event.line), style="dim"), refresh=True)
                continue
            if event.deleted_task_id or task_has_ended(event.task):
                for line in lines:
                    output.note(line, style="")  # above the picture, which is there too
            going = [task for task in known.tasks.values() if not task_has_ended(task)]
            rows = (row(task, now) for task in going)
            picture.update(tabled(COLUMNS, rows, ruled=True), refresh=True)


def news(event: TaskEvent | OutOfSight, known: Known, now: datetime) -> list[str]:
    """Notes an event in `known`; gives what it tells that is new, a line each."""
    if isinstance(event, OutOfSight):
        line = [] if known.gone else [event.line]
        known.gone = True
        return line
    if known.gone:  # It tells of all that goes on anew; what else there was has ended.
        known.gone = False
        known.tasks.clear()
    match event.WhichOneof("event"):
        case "task":
            task = event.task
            before = known.tasks.get(task.task_id)
            known.tasks[task.task_id] = task
            told = standing(task, now)
            if before is None or words(standing(before, now)) != words(told):
                return [f"{task.task_id}: {told}"]
            return []
        case "deleted_task_id":
            known.tasks.pop(event.deleted_task_id, None)
            return [f"{event.deleted_task_id}: deleted"]
        case _:  # Kinds may be added.
            return []
