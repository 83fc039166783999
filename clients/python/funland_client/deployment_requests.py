"""Builds the requests of deployments from Python's own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from funland.v1.deployments_pb2 import (
    Deployment,
    ListDeploymentsRequest,
    StartDeploymentRequest,
    VllmSettings,
)
from funland_client import arguments
from funland_client.arguments import (
    DeploymentArguments,
    DeploymentState,
    LoadArguments,
    VllmArguments,
)
from funland_client.fields import filled


def start(model: str, given: DeploymentArguments) -> StartDeploymentRequest:
    """Makes a request for `StartDeployment`."""
    arguments.check(given, DeploymentArguments)
    values: dict[str, Any] = {**given}
    if "settings" in given:
        arguments.check(given["settings"], LoadArguments)
        values["settings"] = arguments.load_settings(given["settings"])
    if "vllm" in given:
        arguments.check(given["vllm"], VllmArguments)
        values["vllm"] = filled(VllmSettings, "vllm", given["vllm"])
    return filled(StartDeploymentRequest, "", {"model": model, **values})


def listed(states: Sequence[DeploymentState]) -> ListDeploymentsRequest:
    """Makes a request for `ListDeployments`."""
    request = ListDeploymentsRequest()
    for index, state in enumerate(states):
        # A Deployment has one state, and tells of a name that is none.
        request.states.append(filled(Deployment, f"states[{index}]", {"state": state}).state)
    return request
