"""What the queue knows of a kind of task, and what a kind is told of one that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work


@dataclass(frozen=True, slots=True)
class Checked:
    """What a kind finds of work before it is kept."""

    model: str = ""
    """The model that it is for; empty: none."""
    here: bool = False
    """Whether only a server of this home can do it, since it has the files."""


class NotHereError(Exception):
    """The work can't be done by this server, but perhaps by another that shares the database: the
    task goes back, and that is no try. Its cause is what the caller is told where there is none."""

    def __init__(self, *, model: bool = False) -> None:
        """`model` says that it is the task's model which is not here, so that all tasks of its kind
        and model are another server's."""
        super().__init__()
        self.model = model


class Running(Protocol):
    """A task that runs. Its end comes as a cancellation: then its lease is lost, it is cancelled,
    its deadline has passed, or the server stops, and whatever it gives is not written."""

    @property
    def task_id(self) -> str:
        """The task's id."""
        ...

    @property
    def work(self) -> Work:
        """What is to be done."""
        ...

    @property
    def model(self) -> str:
        """The model that it is for, as `Checked` said."""
        ...

    @property
    def attempt(self) -> int:
        """Which try it is, from 1."""
        ...

    @property
    def unwanted(self) -> bool:
        """Once it is ended: whether nobody wants it any more, so that what it began elsewhere is to
        be ended too. Otherwise it is run again."""
        ...

    def progress(self, percent: float | None, text: str = "") -> None:
        """Tells how far it is, as often as one likes."""
        ...


class Kind(Protocol):
    """A kind of task. `Tasks.add` makes it known; tasks of kinds that a server does not know wait
    for one that does."""

    @property
    def kind(self) -> Task.Kind.ValueType:
        """Which it is."""
        ...

    @property
    def lane(self) -> Lane.Name.ValueType:
        """Where its tasks wait and run."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether the next run goes on where the last one came to: a server that stops then does
        not wait for it."""
        ...

    async def check(self, work: Work) -> Checked:
        """Looks at work before it is kept; raises the FunlandError that its call would raise at
        once."""
        ...

    async def run(self, running: Running) -> TaskResult:
        """Does the work, from its beginning or from where the last try came to. It may be run again
        after whatever end of the server.

        Raises:
            FunlandError: It failed. `tasks/deciding.py` says which failures may pass.
            NotHereError: Another server may be able to.
        """
        ...
