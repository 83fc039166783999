"""Which ports of deployments are to be open."""

from __future__ import annotations

import pytest

from funland.v1.deployments_pb2 import Deployment
from funland_gateway.opening import Do, Opened, Stand, what_to_do

RUNNING, STARTING, STOPPING = Deployment.RUNNING, Deployment.STARTING, Deployment.STOPPING


def one(state: Deployment.State.ValueType, port: int = 9000) -> Deployment:
    return Deployment(deployment_id="d", state=state, port=port)


OPEN, RESTING, FAILED = (Opened(9000, stand) for stand in Stand)

CASES = {
    "it runs: open": (one(RUNNING), None, Do.OPEN),
    "it is open": (one(RUNNING), OPEN, None),
    "it wants no port": (one(RUNNING, 0), None, None),
    "the common port does": (one(RUNNING, 8000), None, None),
    "it does not run yet": (one(STARTING), None, None),
    "it waits for its model": (one(Deployment.DOWNLOADING), None, None),
    "a lost process comes back: stays": (one(STARTING), OPEN, None),
    "it ends: calls go on": (one(STOPPING), OPEN, Do.REST),
    "it still ends": (one(STOPPING), RESTING, None),
    "it has ended": (one(Deployment.STOPPED), RESTING, Do.END),
    "it was ended at once": (one(Deployment.STOPPED), OPEN, Do.END),
    "it failed": (one(Deployment.FAILED), OPEN, Do.END),
    "it is gone": (None, OPEN, Do.END),
    "it is gone, and had none": (None, None, None),
    "it begins anew before it has ended": (one(STARTING), RESTING, Do.END),
    "it runs anew before it has ended": (one(RUNNING), RESTING, Do.END),
    "it could not be opened": (one(RUNNING), FAILED, None),
    "it could not be opened, and is not wanted any more": (one(Deployment.STOPPED), FAILED, Do.END),
    "it wants another port": (one(RUNNING, 9001), OPEN, Do.END),
    "its state is newer than this gateway": (one(99), OPEN, Do.END),  # type: ignore[arg-type]  # as said
}


@pytest.mark.parametrize(("deployment", "opened", "then"), CASES.values(), ids=CASES)
def test_ports_follow_their_deployments(
    deployment: Deployment | None, opened: Opened | None, then: Do | None
) -> None:
    assert what_to_do(deployment, opened, {8000}, again=False) == then


def test_one_that_could_not_be_opened_is_tried_again_in_time() -> None:
    assert what_to_do(one(RUNNING), FAILED, {8000}, again=True) is Do.END
    assert what_to_do(one(RUNNING), None, {8000}, again=True) is Do.OPEN
    assert what_to_do(one(RUNNING), OPEN, {8000}, again=True) is None
