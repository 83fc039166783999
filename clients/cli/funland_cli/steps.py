"""Shows how far work at the server is: a bar at a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import typer
from google.protobuf.message import Message
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.options import Session
from funland_cli.output import Output, printable
from funland_cli.sight import OutOfSight
from funland_cli.told_failures import failure_of
from funland_client import FunlandError
from funland_client.errors import NotFoundError, ServerUnreachableError

State = TypeVar("State", bound=Message)

_BAR_WIDTH: Final = 30
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Step:
    """How far something is: where it stands, how much of it is done, and that as a share from 0 to
    1, None if it is not known."""

    standing: str
    amount: str = ""
    share: float | None = None

    @property
    def line(self) -> str:
        """It all in one line."""
        return ", ".join(filter(None, (self.standing, self.amount)))


def follow(
    session: Session,
    states: Generator[State | OutOfSight],
    step: Callable[[State], Step],
    next_step: Callable[[State | None], str],
) -> State | None:
    """Shows states until their end, and gives the last; Ctrl-C leaves what they tell of as it is.

    `next_step` says what can be done with something in a state. Raises CommandError that says it
    if it does not end well.
    """
    last: State | None = None
    output = session.output
    try:
        with closing(states), closing(_shown(states, step, output)) as shown:
            for state in shown:
                last = state
    except KeyboardInterrupt:
        output.note(next_step(last), style="")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except FunlandError as error:
        failure = failure_of(error)
        gone = isinstance(error, NotFoundError | ServerUnreachableError) and last is None
        raise CommandError(
            failure.message,
            hint=failure.hint if gone else next_step(last) or failure.hint,
            exit_code=failure.exit_code,
            details=failure.details,
        ) from error
    return last


def _shown(
    states: Iterable[State | OutOfSight], step: Callable[[State], Step], output: Output
) -> Generator[State]:
    if output.as_json:
        return _events(states, output)
    return _picture(states, step, output) if output.draws else _lines(states, step, output)


def _events(states: Iterable[State | OutOfSight], output: Output) -> Generator[State]:
    for state in states:
        if not isinstance(state, OutOfSight):
            output.event(document(state))
            yield state


def _lines(
    states: Iterable[State | OutOfSight], step: Callable[[State], Step], output: Output
) -> Generator[State]:
    before: Step | None = None
    for state in states:
        now = out_of_sight(state, before) if isinstance(state, OutOfSight) else step(state)
        if is_news(before, now):
            output.note(now.line, style="")
            before = now
        if not isinstance(state, OutOfSight):
            yield state


def _picture(
    states: Iterable[State | OutOfSight], step: Callable[[State], Step], output: Output
) -> Generator[State]:
    last: Step | None = None
    with output.picture() as picture:
        for state in states:
            if isinstance(state, OutOfSight):
                picture.update(drawn(out_of_sight(state, last)), refresh=True)
                continue
            last = step(state)
            picture.update(drawn(last), refresh=True)
            yield state


def out_of_sight(told: OutOfSight, last: Step | None) -> Step:
    """How far something was when it was seen last, and why it can't be seen now."""
    return Step(told.line) if last is None else replace(last, standing=told.line)


def is_news(before: Step | None, now: Step) -> bool:
    """Whether a step is worth a line: it stands elsewhere, or is a tenth of the whole further.

    Numbers that count on in where it stands are none.
    """
    if before is None or words(before.standing) != words(now.standing):
        return True
    return int((now.share or 0) * 10) > int((before.share or 0) * 10)


def words(standing: str) -> str:
    """What a standing says, without the numbers that count on in it."""
    return _NUMBER.sub("", standing)


def drawn(step: Step) -> RenderableType:
    """A bar if it is known how far it is, and a line that says where it stands."""
    standing = Text(printable(step.standing), style="dim")
    if step.share is None:
        return standing
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(1, min(step.share, 1), _BAR_WIDTH), Text(step.amount))
    return Group(grid, standing)
