"""What a deployment is, and what is to be done for it: facts in, state and task out; no I/O, no
clock.

    PENDING ──> DOWNLOADING ──> STARTING <──> RUNNING
       └────────────┴──────────────┴──> FAILED
    any that is not wanted any more ──> STOPPING ──> STOPPED

Whatever happens, all facts are looked at anew, so nothing depends on the order in which it happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from funland.v1.deployments_pb2 import Deployment
from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error
from funland_server.downloads.errors import DownloadStateError
from funland_server.models.errors import ModelNotFoundError

State: TypeAlias = Deployment.State.ValueType

STATES: Final = tuple(Deployment.State.values()[1:])
"""All that there are."""


class Stage(Enum):
    """Where one of its processes stands."""

    STARTING = auto()
    """It is being started: for the first time, or after a loss."""
    RUNNING = auto()
    LOST = auto()
    """It ran, and waits to be started again."""
    FAILED = auto()
    """It never ran, since its start failed; it waits for another try."""


class Task(Enum):
    """What is to be done."""

    BEGIN = auto()
    """Start all processes."""
    END = auto()
    """End all processes."""


@dataclass(frozen=True, slots=True)
class Process:
    """One of its processes."""

    stage: Stage
    error: Error | None = None
    """Why its start failed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that its state depends on."""

    model: str
    wanted: bool = True
    """Whether it is to run."""
    given_up: Error | None = None
    """Why it was given up since it was last asked to run."""
    installed: bool = True
    """Whether its model is."""
    download: Download | None = None
    """That of its model; None: there was none, or it is forgotten."""
    processes: tuple[Process, ...] = ()
    """Those of its present run. Empty: none was begun."""
    leaving: bool = False
    """Whether processes of a run before are still ending."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows."""

    state: State
    task: Task | None = None
    error: Error | None = None
    """Why it can't run."""


def decide(now: Situation) -> Decision:
    """What a deployment is, and what is to be done."""
    end = Task.END if now.processes else None
    if not now.wanted:
        ends = now.processes or now.leaving
        return Decision(Deployment.STOPPING if ends else Deployment.STOPPED, end)
    if now.given_up is not None:
        return Decision(Deployment.FAILED, end, now.given_up)
    if now.processes:
        return _started(now.processes)
    if not (now.installed or now.leaving):
        return _fetched(now)
    # Two runs are not to need memory at once.
    return Decision(Deployment.STARTING, None if now.leaving else Task.BEGIN)


def _started(processes: tuple[Process, ...]) -> Decision:
    stages = {process.stage for process in processes}
    if Stage.RUNNING in stages:
        return Decision(Deployment.RUNNING)
    if stages == {Stage.FAILED}:
        return Decision(Deployment.FAILED, Task.END, processes[0].error)
    return Decision(Deployment.STARTING)


def _fetched(now: Situation) -> Decision:
    """Of one whose model is not there yet."""
    download = now.download
    if download is None or download.state == Download.COMPLETED:
        return Decision(Deployment.FAILED, error=ModelNotFoundError(now.model).to_wire())
    if download.state in (Download.DOWNLOADING, Download.INSTALLING):
        return Decision(Deployment.DOWNLOADING)
    if download.state == Download.FAILED:
        return Decision(Deployment.FAILED, error=download.error)
    if download.state == Download.CANCELLED:
        cancelled = DownloadStateError(
            f"The download of model {now.model!r} was cancelled; restart the deployment to have it"
            " go on.",
            download_id=download.download_id,
            state="CANCELLED",
            action="deploy",
        )
        return Decision(Deployment.FAILED, error=cancelled.to_wire())
    if download.state == Download.PAUSED and download.HasField("error"):  # by itself: a full disk
        return Decision(Deployment.FAILED, error=download.error)
    return Decision(Deployment.PENDING)
