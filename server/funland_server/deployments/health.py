"""Asks the processes of a deployment whether they answer."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from funland.v1.deployments_pb2 import Deployment, DeploymentHealth
from funland.v1.system_pb2 import PartHealth
from funland_server.deployments.deployed import Deployed, Slot
from funland_server.deployments.errors import DeploymentNotRunningError
from funland_server.deployments.roster import Roster
from funland_server.errors import FunlandError

_SECONDS: Final = 1.0
"""How long a process may take to answer."""


async def health_of(deployed: Deployed, roster: Roster) -> DeploymentHealth:
    """How a deployment is. Takes a second at most."""
    answers = await asyncio.gather(*(_ask(slot) for slot in deployed.slots))
    milliseconds = [answer for answer in answers if isinstance(answer, float)]
    shown = roster.present(deployed)
    told = DeploymentHealth(
        deployment_id=deployed.deployment_id,
        answering=len(milliseconds),
        replicas=deployed.replicas,
        latency_ms=max(milliseconds, default=None),
    )
    complaints = [answer for answer in answers if isinstance(answer, str)]
    if not milliseconds:
        told.state = PartHealth.FAILED
        complaints = complaints or [_not_running(shown)]
    else:
        if shown.endpoint_error:
            complaints.append(f"Port {shown.port} is not open: {shown.endpoint_error}")
        told.state = PartHealth.DEGRADED if complaints else PartHealth.HEALTHY
    told.message = " ".join(complaints)
    return told


def ailment(shown: Deployment) -> str:
    """What is wrong with a deployment, without asking its processes; empty if nothing is."""
    name = shown.name or shown.deployment_id
    if shown.state == Deployment.FAILED:
        return f"{name} failed: {shown.error.message}"
    complaints = [one.last_error for one in shown.processes if one.state == one.BACKING_OFF]
    if complaints:
        return (
            f"{len(complaints)} of {shown.replicas} processes of {name} don't run: {complaints[0]}"
        )
    if shown.endpoint_error and shown.state == Deployment.RUNNING:
        return f"Port {shown.port} of {name} is not open: {shown.endpoint_error}"
    return ""


async def _ask(slot: Slot) -> float | str:
    """How long it took to answer, in milliseconds; or why it did not."""
    begin = monotonic()
    try:
        async with asyncio.timeout(_SECONDS):
            await slot.runner.check()
    except TimeoutError:
        return f"Process {slot.index} did not answer within {_SECONDS:g} s."
    except DeploymentNotRunningError as error:
        return f"Process {slot.index} is {error.metadata['state']}."
    except FunlandError as error:
        return f"Process {slot.index}: {error.message}"
    return 1e3 * (monotonic() - begin)


def _not_running(shown: Deployment) -> str:
    if shown.HasField("error"):
        return shown.error.message
    return f"It is {Deployment.State.Name(shown.state)}."
