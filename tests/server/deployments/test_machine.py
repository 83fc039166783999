"""What a deployment is, and what is to be done for it."""

from __future__ import annotations

import pytest

from funland.v1.deployments_pb2 import Deployment
from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_server.deployments.machine import (
    Decision,
    Process,
    Situation,
    Stage,
    Task,
    decide,
)

FULL = Error(reason=ErrorReason.STORAGE_FULL, message="full")
LARGE = Error(reason=ErrorReason.MODEL_TOO_LARGE, message="large")
STARTING, RUNNING, LOST = Process(Stage.STARTING), Process(Stage.RUNNING), Process(Stage.LOST)
FAILED = Process(Stage.FAILED, LARGE)


def download(state: Download.State.ValueType, error: Error | None = None) -> Download:
    return Download(download_id="dl-1", state=state, error=error)


def absent(state: Download.State.ValueType | None, error: Error | None = None) -> Situation:
    """A model that is not installed, and where its download stands."""
    found = None if state is None else download(state, error)
    return Situation("m", installed=False, download=found)


CASES = {
    "one that is new begins": (Situation("m"), Decision(Deployment.STARTING, Task.BEGIN)),
    "it begins once": (Situation("m", processes=(STARTING,)), Decision(Deployment.STARTING)),
    "it runs when its process answers": (
        Situation("m", processes=(RUNNING,)), Decision(Deployment.RUNNING),
    ),
    "one process of several suffices": (
        Situation("m", processes=(FAILED, STARTING, RUNNING, LOST)), Decision(Deployment.RUNNING),
    ),
    "it starts as long as one may come up": (
        Situation("m", processes=(FAILED, STARTING)), Decision(Deployment.STARTING),
    ),
    "it fails when none comes up": (
        Situation("m", processes=(FAILED, FAILED)), Decision(Deployment.FAILED, Task.END, LARGE),
    ),
    "what has failed stays so": (
        Situation("m", given_up=LARGE), Decision(Deployment.FAILED, None, LARGE),
    ),
    "what has failed ends what is left of it": (
        Situation("m", given_up=LARGE, processes=(FAILED, RUNNING)),
        Decision(Deployment.FAILED, Task.END, LARGE),
    ),
    "a loss of all is no failure: they come back": (
        Situation("m", processes=(LOST, LOST)), Decision(Deployment.STARTING),
    ),
    "a lost one beside one that never came up is waited for": (
        Situation("m", processes=(LOST, FAILED)), Decision(Deployment.STARTING),
    ),
    "the model may be gone while it runs": (
        Situation("m", installed=False, processes=(RUNNING,)), Decision(Deployment.RUNNING),
    ),
    "stopped: the processes end": (
        Situation("m", wanted=False, processes=(RUNNING, STARTING)),
        Decision(Deployment.STOPPING, Task.END),
    ),
    "stopped: one that still ends is waited for": (
        Situation("m", wanted=False, leaving=True), Decision(Deployment.STOPPING),
    ),
    "stopped: nothing is left": (Situation("m", wanted=False), Decision(Deployment.STOPPED)),
    "stopped while it had failed": (
        Situation("m", wanted=False, given_up=LARGE), Decision(Deployment.STOPPED),
    ),
    "stopped while its model comes": (
        Situation("m", wanted=False, installed=False, download=download(Download.DOWNLOADING)),
        Decision(Deployment.STOPPED),
    ),
    "anew: the run before ends first": (
        Situation("m", leaving=True), Decision(Deployment.STARTING),
    ),
    "anew: also where the model is to come": (
        Situation("m", leaving=True, installed=False, download=download(Download.QUEUED)),
        Decision(Deployment.STARTING),
    ),
    "no model, and none comes": (
        absent(None),
        Decision(Deployment.FAILED, error=Error(reason=ErrorReason.MODEL_NOT_FOUND)),
    ),
    "it was downloaded, and deleted since": (
        absent(Download.COMPLETED),
        Decision(Deployment.FAILED, error=Error(reason=ErrorReason.MODEL_NOT_FOUND)),
    ),
    "its download waits for its turn": (absent(Download.QUEUED), Decision(Deployment.PENDING)),
    "its download waits for the hub": (
        absent(Download.WAITING, FULL), Decision(Deployment.PENDING),
    ),
    "its download was paused": (absent(Download.PAUSED), Decision(Deployment.PENDING)),
    "its download found the disk full": (
        absent(Download.PAUSED, FULL), Decision(Deployment.FAILED, error=FULL),
    ),
    "bytes come": (absent(Download.DOWNLOADING), Decision(Deployment.DOWNLOADING)),
    "it is installed": (absent(Download.INSTALLING), Decision(Deployment.DOWNLOADING)),
    "its download failed": (
        absent(Download.FAILED, FULL), Decision(Deployment.FAILED, error=FULL),
    ),
    "its download was cancelled": (
        absent(Download.CANCELLED),
        Decision(Deployment.FAILED, error=Error(reason=ErrorReason.DOWNLOAD_STATE)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("now", "then"), CASES.values(), ids=CASES)
def test_facts_lead_to_a_state_and_a_task(now: Situation, then: Decision) -> None:
    decided = decide(now)

    assert (decided.state, decided.task) == (then.state, then.task)
    assert (decided.error and decided.error.reason) == (then.error and then.error.reason)


def test_a_cancelled_download_is_named_and_what_to_do() -> None:
    decided = decide(absent(Download.CANCELLED))

    assert decided.error is not None
    assert "restart the deployment" in decided.error.message
    assert decided.error.metadata["download_id"] == "dl-1"
