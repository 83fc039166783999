"""`funland tasks`: work that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from funland.v1.tasks_pb2 import Task
from funland_cli import options
from funland_cli.all_tasks import watch_all
from funland_cli.documents import document
from funland_cli.naming import begun
from funland_cli.output import Output
from funland_cli.sight import kept_in_sight
from funland_cli.steps import follow
from funland_cli.task_views import (
    COLUMNS,
    LANES,
    all_of,
    lane_row,
    made_file,
    next_step,
    result,
    row,
    standing,
    step,
)
from funland_client import Funland, PluginOutput
from funland_client.arguments import TaskKind, TaskState
from funland_client.ends import task_has_ended
from funland_client.errors import TaskNotFoundError

EPILOG = """\b
Examples:
  funland chat "Tell me a story." --detach
  funland tasks
  funland tasks watch 7c1f
  funland tasks cancel 7c1f 9b02

\b
A task is named by its id, or the beginning of it (`task-` may be left out).
"""

app = typer.Typer(
    help="See, watch and cancel work that nobody waits for.", epilog=EPILOG, rich_markup_mode=None
)

TaskId = Annotated[str, typer.Argument(metavar="TASK", help="Its id, or the beginning of it.")]
TaskIds = Annotated[
    list[str], typer.Argument(metavar="TASK...", help="Ids, or beginnings of them.")
]
Most = Annotated[int, typer.Option("-n", metavar="N", min=1, help="At most so many.")]


@app.callback(invoke_without_command=True)
def tasks(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, watch and cancel work that nobody waits for; list it when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_tasks(context)


@app.command("list")
def list_tasks(
    context: typer.Context,
    *,
    state: Annotated[TaskState | None, typer.Option(help="Only those that are so.")] = None,
    kind: Annotated[TaskKind | None, typer.Option(help="Only those that do this.")] = None,
    caller: Annotated[str, typer.Option(metavar="NAME", help="Only this caller's.")] = "",
    most: Most = 50,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the tasks, the newest first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.tasks.list(
            states=[state] if state else (),
            kinds=[kind] if kind else (),
            caller=caller,
            limit=most + 1,
        )
    shown, more = found[:most], found[most:]
    if session.output.as_json:
        session.output.document({"tasks": [document(task) for task in shown]})
        return
    session.output.table(COLUMNS, (row(task, datetime.now(UTC)) for task in shown))
    if more:
        session.output.note(f"There are more than {most}: -n shows as many as you like.")


@app.command()
def show(
    context: typer.Context,
    *,
    task: TaskId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a task, and what came of it."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.tasks.get(_id(client, task))
    if session.output.as_json:
        session.output.document(document(found))
        return
    session.output.pairs(all_of(found, datetime.now(UTC)))
    if found.HasField("result"):
        session.output.line()
        _write(found, session.output)


@app.command()
def watch(
    context: typer.Context,
    *,
    task: Annotated[
        str | None,
        typer.Argument(metavar="TASK", help="Only this one, until its end; its result is written."),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show how far tasks are; of one, what comes of it. Ctrl-C leaves them as they are."""
    session = options.session(context, server, as_json)
    if task is None:
        watch_all(session)
        return
    with session.client() as client:
        task_id = _id(client, task)
    follow_task(session, task_id)


@app.command()
def cancel(
    context: typer.Context,
    *,
    tasks: TaskIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """End tasks, whether they wait or run."""
    _each(context, server, as_json, tasks, lambda client: client.tasks.cancel)


@app.command()
def retry(
    context: typer.Context,
    *,
    tasks: TaskIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Have tasks that failed or were cancelled run once more, from their beginning."""
    _each(context, server, as_json, tasks, lambda client: client.tasks.retry)


@app.command()
def delete(
    context: typer.Context,
    *,
    tasks: TaskIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove tasks, their results and files; what has not ended is cancelled first."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in tasks:
            task_id = _id(client, text)
            client.tasks.delete(task_id)
            if session.output.as_json:
                session.output.event({"deleted_task_id": task_id})
            else:
                session.output.line(f"Deleted {task_id}.")


@app.command()
def lanes(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Show what runs at once, how much waits, and how long it takes."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.tasks.lanes()
    if session.output.as_json:
        session.output.document({"lanes": [document(lane) for lane in found]})
    else:
        session.output.table(LANES, map(lane_row, found))


def follow_task(session: options.Session, task_id: str) -> None:
    """Shows a task until its end, and writes what came of it."""
    last = follow(
        session,
        kept_in_sight(session, lambda client: client.tasks.follow(task_id), task_has_ended),
        lambda task: step(task, datetime.now(UTC)),
        lambda task: next_step(task or Task(task_id=task_id), session.flags),
    )
    if last is not None and not session.output.as_json:
        _write(last, session.output)
        for file_id in last.file_ids:
            session.output.note(made_file(file_id, session.flags))


def leave(session: options.Session, task: Task) -> None:
    """Writes a submitted task's id alone, so that scripts can take it, and says the rest beside
    it."""
    if session.output.as_json:
        session.output.event(document(task))
        return
    session.output.line(task.task_id)
    session.output.note(next_step(task, session.flags))


def _write(task: Task, output: Output) -> None:
    if task.result.HasField("plugin"):
        output.document(PluginOutput(task.result.plugin).output)
    for line in result(task.result):
        output.piece(line if line.endswith("\n") else f"{line}\n")


def _each(
    context: typer.Context,
    server: str | None,
    as_json: bool,
    tasks: list[str],
    action: Callable[[Funland], Callable[[str], Task]],
) -> None:
    """Does something with each task and tells how it stands then."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for text in tasks:
            task = action(client)(_id(client, text))
            session.tell(task, f"{task.task_id}: {standing(task, datetime.now(UTC))}")


def _id(client: Funland, text: str) -> str:
    """The id that is meant; what names none is given back, for the server to say so."""
    with suppress(TaskNotFoundError):
        return client.tasks.get(text, brief=True).task_id
    return begun(text, [task.task_id for task in client.tasks.list()]) or text
