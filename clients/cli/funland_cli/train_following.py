"""Shows how a run learns: a bar and its curve at a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import typer
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from funland.v1.training_pb2 import TrainingEvent, TrainingRun, TrainingStep
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.options import Session
from funland_cli.output import Output, printable, span
from funland_cli.sight import OutOfSight, kept_in_sight
from funland_cli.sparkline import Curve, sparkline
from funland_cli.told_failures import failure_of
from funland_cli.train_views import figure, next_step, result, standing
from funland_client import Funland, FunlandError
from funland_client.ends import training_has_ended
from funland_client.errors import NotFoundError, ServerUnreachableError

_BAR_WIDTH: Final = 30
_TENTHS: Final = 10
_PICTURE_SECONDS: Final = 0.1
"""How often steps are drawn, which may come faster than anybody sees."""


@dataclass(slots=True)
class Seen:
    """What the events told so far."""

    run: TrainingRun = field(default_factory=TrainingRun)
    losses: Curve = field(default_factory=Curve)
    last: TrainingStep | None = None
    told_state: str = ""
    """Where it stood by the last line."""
    told_tenth: int = -1
    """How many tenths of its steps were done by the last line."""

    @property
    def after_step(self) -> int:
        """The last step that is known."""
        return self.last.step if self.last is not None else 0


def note(event: TrainingEvent, seen: Seen) -> None:
    """Notes an event."""
    if event.HasField("run"):
        seen.run = event.run
    elif event.HasField("step"):
        seen.last = event.step
        seen.losses.add(event.step.loss)


def news(event: TrainingEvent, seen: Seen) -> Iterator[str]:
    """What an event that is noted tells that is worth a line: another state, a tenth of all steps,
    an evaluation."""
    if event.HasField("run"):
        state = standing(event.run)
        if state != seen.told_state:
            seen.told_state = state
            yield state
    elif event.HasField("step"):
        step, total = event.step, seen.run.total_steps
        tenth = _TENTHS * step.step // total if total else 0
        if tenth > seen.told_tenth or step.HasField("evaluation_loss"):
            seen.told_tenth = max(tenth, seen.told_tenth)
            yield told(step, total)


def told(step: TrainingStep, total: int) -> str:
    """A step in one line."""
    parts = [
        f"step {step.step} of {total}" if total else f"step {step.step}",
        f"loss {figure(step.loss)}",
        f"kept out {figure(step.evaluation_loss)}" if step.HasField("evaluation_loss") else "",
        f"learning rate {figure(step.learning_rate)}",
        f"{step.tokens_per_second:,.0f} tokens/s",
    ]
    return ", ".join(filter(None, parts))


def drawn(seen: Seen, now: datetime, width: int) -> RenderableType:
    """A bar, the curve and the last step's figures, `width` wide."""
    run, step = seen.run, seen.last
    line = standing(run)
    if step is None:
        return Text(printable(line), style="dim")
    if run.state == TrainingRun.RUNNING and run.HasField("estimated_end_time"):
        left = (run.estimated_end_time.ToDatetime(tzinfo=UTC) - now).total_seconds()
        line += f", {span(max(left, 0))} left"
    total = run.total_steps or 1
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total, min(step.step, total), _BAR_WIDTH), Text(told(step, total)))
    return Group(
        grid,
        Text(sparkline(seen.losses.points, max(min(width, 2 * _BAR_WIDTH), 1))),
        Text(printable(line), style="dim"),
    )


def follow(session: Session, run_id: str) -> None:
    """Shows a run until its end, and says what can be done then; Ctrl-C leaves it as it is.

    Raises CommandError for one that ends without an adapter.
    """
    seen, output = Seen(), session.output

    def watch(client: Funland) -> Iterator[TrainingEvent]:
        return client.training.follow(run_id, after_step=seen.after_step)

    def ended(_: TrainingEvent | None) -> bool:
        return training_has_ended(seen.run)

    try:
        with (
            closing(kept_in_sight(session, watch, ended)) as events,
            closing(_shown(events, seen, output)) as shown,
        ):
            for _event in shown:
                pass
    except KeyboardInterrupt:
        output.note(_next(seen, run_id, session), style="")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except FunlandError as error:
        failure = failure_of(error)
        gone = isinstance(error, NotFoundError | ServerUnreachableError) and not seen.run.run_id
        hint = failure.hint if gone else _next(seen, run_id, session)
        raise CommandError(
            failure.message, hint=hint, exit_code=failure.exit_code, details=failure.details
        ) from error
    _tell_end(session, seen)


def _next(seen: Seen, run_id: str, session: Session) -> str:
    run = seen.run if seen.run.run_id else TrainingRun(run_id=run_id)
    return next_step(run, session.flags)


def _tell_end(session: Session, seen: Seen) -> None:
    run = seen.run
    if run.state == TrainingRun.COMPLETED:
        if not session.output.as_json:
            session.output.line(f"{result(run)} is there.")
            session.output.note(next_step(run, session.flags))
        return
    message = run.error.message if run.HasField("error") else f"The run is {standing(run)}."
    raise CommandError(message, hint=next_step(run, session.flags))


def _shown(
    events: Iterable[TrainingEvent | OutOfSight], seen: Seen, output: Output
) -> Generator[TrainingEvent]:
    if output.as_json:
        return _events(events, seen, output)
    return _picture(events, seen, output) if output.draws else _lines(events, seen, output)


def _events(
    events: Iterable[TrainingEvent | OutOfSight], seen: Seen, output: Output
) -> Generator[TrainingEvent]:
    for event in events:
        if not isinstance(event, OutOfSight):
            note(event, seen)
            output.event(document(event))
            yield event


def _lines(
    events: Iterable[TrainingEvent | OutOfSight], seen: Seen, output: Output
) -> Generator[TrainingEvent]:
    for event in events:
        if isinstance(event, OutOfSight):
            if event.line != seen.told_state:
                seen.told_state = event.line
                output.note(event.line, style="")
            continue
        note(event, seen)
        for line in news(event, seen):
            output.note(line, style="")
        yield event


def _picture(
    events: Iterable[TrainingEvent | OutOfSight], seen: Seen, output: Output
) -> Generator[TrainingEvent]:
    drawn_at = -_PICTURE_SECONDS
    with output.picture() as picture:
        for event in events:
            if isinstance(event, OutOfSight):
                picture.update(Text(printable(event.line), style="dim"), refresh=True)
                continue
            note(event, seen)
            if event.HasField("run") or monotonic() - drawn_at >= _PICTURE_SECONDS:
                drawn_at = monotonic()
                width = picture.console.width
                picture.update(drawn(seen, datetime.now(UTC), width), refresh=True)
            yield event
