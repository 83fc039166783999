"""A task's run as a trace of its own, which tells of the call that submitted it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.tasks_pb2 import Task
from funland_server.tasks.deciding import Again, Back, End, Verdict
from funland_server.tasks.running import Run
from funland_server.tracing.spans import (
    CANCELLED,
    NO_SPAN,
    NO_TRACES,
    Carrier,
    Kind,
    Span,
    Tracing,
    current,
    enter,
)

_MOST: Final = 10_000


class RunTraces:
    """The traces of the tasks of one server. Who submitted which it knows of the last ten thousand
    that were submitted here, since this start."""

    def __init__(self, tracing: Tracing = NO_TRACES) -> None:
        self._tracing = tracing
        self._submitted: OrderedDict[str, Carrier] = OrderedDict()

    def submitted(self, task_id: str) -> None:
        """The call under way submits a task."""
        if carrier := current().carrier:
            self._submitted[task_id] = carrier
            if len(self._submitted) > _MOST:
                self._submitted.popitem(last=False)

    def begin(self, run: Run) -> Span:
        """A run begins, in the task that calls this."""
        if not self._tracing.on:
            return NO_SPAN
        link = self._submitted.get(run.task_id)
        kind = Task.Kind.Name(run.kind)
        span = self._tracing.begin(
            f"task {kind}",
            kind=Kind.CONSUMER.value,
            attributes={
                "funland.task_id": run.task_id,
                "funland.task_kind": kind,
                "funland.task_attempt": run.attempt,
            },
            links=[link] if link else [],
        )
        enter(span)
        return span

    def end(self, run: Run, span: Span, verdict: Verdict | None) -> None:
        """It has ended; None: the task may be another server's."""
        reason = outcome(verdict)
        span.end(reason, fault=reason != CANCELLED)
        if isinstance(verdict, End):
            self._submitted.pop(run.task_id, None)


def outcome(verdict: Verdict | None) -> str:
    """How a run ended, as a span tells it; empty: well."""
    match verdict:
        case End(state=Task.COMPLETED):
            return ""
        case End(error=Error() as error) | Again(error=error):
            return ErrorReason.Name(error.reason) if error.reason else error.code
        case End() | Back() | None:
            return CANCELLED
