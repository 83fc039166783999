"""The pytest plugin that gives each of OpenAI's tests the state that it takes for granted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.openai_sdk.fixtures import (
    BATCHES,
    CHATS,
    DELETED,
    FILES,
    RESPONSES,
    install_model,
    keep_batches,
    keep_files,
    keep_responses,
)

HOME, SERVER = "FUNLAND_SDK_HOME", "FUNLAND_SDK_SERVER"
"""The variables that tell the plugin where the service keeps its state and listens for gRPC."""
RESPONSE, CHAT = "FUNLAND_SDK_RESPONSE", "FUNLAND_SDK_CHAT"
"""The variables with the ids of a response and a chat completion in it, both as the contract's."""
FILE = "FUNLAND_SDK_FILE"
"""The variable with the id of a file in it."""
BATCH = "FUNLAND_SDK_BATCH"
"""The variable with the id of a batch that has ended."""


@pytest.fixture(autouse=True)
def what_is_deleted_is_there(request: pytest.FixtureRequest) -> None:
    """Before each test: some delete what others get."""
    for like, names in ((RESPONSE, RESPONSES), (CHAT, CHATS)):
        keep_responses(Path(os.environ[HOME]), os.environ[like], names)
    keep_files(Path(os.environ[HOME]), os.environ[FILE], FILES)
    keep_batches(Path(os.environ[HOME]), os.environ[BATCH], BATCHES)
    deletes = request.node.name.partition("[")[0].endswith("_delete")
    if deletes and request.path.name == "test_models.py":
        install_model(os.environ[SERVER], "to-be-deleted", [DELETED])
