"""The pytest plugin that gives each of OpenAI's tests the state that it takes for granted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.openai_sdk.fixtures import DELETED, install_model, keep_responses

HOME, SERVER, LIKE = "FUNLAND_SDK_HOME", "FUNLAND_SDK_SERVER", "FUNLAND_SDK_RESPONSE"
"""The variables that tell the plugin where the service keeps its state, where it listens for gRPC,
and the id of a response in it."""


@pytest.fixture(autouse=True)
def what_is_deleted_is_there(request: pytest.FixtureRequest) -> None:
    """Before each test: some delete what others get."""
    keep_responses(Path(os.environ[HOME]), os.environ[LIKE])
    deletes = request.node.name.partition("[")[0].endswith("_delete")
    if deletes and request.path.name == "test_models.py":
        install_model(os.environ[SERVER], "to-be-deleted", [DELETED])
