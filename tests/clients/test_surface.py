"""The two clients are one: what the blocking one can, the one for event loops can."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from funland_client import AsyncFunland, Funland
from funland_client.asynchronous.auth import AsyncAuth
from funland_client.asynchronous.batches import AsyncBatches
from funland_client.asynchronous.datasets import AsyncDatasets
from funland_client.asynchronous.deployments import AsyncDeployments
from funland_client.asynchronous.downloads import AsyncDownloads
from funland_client.asynchronous.files import AsyncFiles
from funland_client.asynchronous.hardware import AsyncHardware
from funland_client.asynchronous.hubs import AsyncHubs
from funland_client.asynchronous.mcp import AsyncMcp
from funland_client.asynchronous.models import AsyncModels
from funland_client.asynchronous.nodes import AsyncNodes
from funland_client.asynchronous.plugins import AsyncPlugins
from funland_client.asynchronous.projects import AsyncProjects
from funland_client.asynchronous.responses import AsyncResponses
from funland_client.asynchronous.session_streams import AsyncSessionStream
from funland_client.asynchronous.sessions import AsyncSessions
from funland_client.asynchronous.system import AsyncSystem
from funland_client.asynchronous.tasks import AsyncTasks
from funland_client.asynchronous.training import AsyncTraining
from funland_client.asynchronous.uploads import AsyncUploads
from funland_client.blocking.auth import Auth
from funland_client.blocking.batches import Batches
from funland_client.blocking.datasets import Datasets
from funland_client.blocking.deployments import Deployments
from funland_client.blocking.downloads import Downloads
from funland_client.blocking.files import Files
from funland_client.blocking.hardware import Hardware
from funland_client.blocking.hubs import Hubs
from funland_client.blocking.mcp import Mcp
from funland_client.blocking.models import Models
from funland_client.blocking.nodes import Nodes
from funland_client.blocking.plugins import Plugins
from funland_client.blocking.projects import Projects
from funland_client.blocking.responses import Responses
from funland_client.blocking.session_streams import SessionStream
from funland_client.blocking.sessions import Sessions
from funland_client.blocking.system import System
from funland_client.blocking.tasks import Tasks
from funland_client.blocking.training import Training
from funland_client.blocking.uploads import Uploads
from funland_client.channel import default_address

PAIRS = [
    (Funland, AsyncFunland),
    (Models, AsyncModels),
    (Hubs, AsyncHubs),
    (Downloads, AsyncDownloads),
    (Hardware, AsyncHardware),
    (Responses, AsyncResponses),
    (Sessions, AsyncSessions),
    (Deployments, AsyncDeployments),
    (Nodes, AsyncNodes),
    (Mcp, AsyncMcp),
    (System, AsyncSystem),
    (Tasks, AsyncTasks),
    (Plugins, AsyncPlugins),
    (Files, AsyncFiles),
    (Uploads, AsyncUploads),
    (Datasets, AsyncDatasets),
    (Training, AsyncTraining),
    (Batches, AsyncBatches),
    (Auth, AsyncAuth),
    (Projects, AsyncProjects),
]

STREAMS = {
    *("watch", "pull", "follow", "sync", "benchmark_device", "run", "follow_logs", "converse"),
    *("results", "audit"),
}


def surface(owner: type[Any]) -> dict[str, list[inspect.Parameter]]:
    """Gives each public method's parameters."""
    return {
        name: list(inspect.signature(member).parameters.values())
        for name, member in inspect.getmembers(owner, inspect.isfunction)
        if name == "__init__" or not name.startswith("_")
    }


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS[:1])
def test_both_clients_have_the_same_methods(blocking: type[Any], asynchronous: type[Any]) -> None:
    assert surface(blocking) == surface(asynchronous)


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS[1:])
def test_both_groups_have_the_same_methods(blocking: type[Any], asynchronous: type[Any]) -> None:
    ours, theirs = surface(blocking), surface(asynchronous)
    for methods in (ours, theirs):
        del methods["__init__"]  # Each takes a connection of its own kind.

    assert ours == theirs


def test_both_conversations_have_the_same_methods() -> None:
    test_both_groups_have_the_same_methods(SessionStream, AsyncSessionStream)


@pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS)
def test_what_does_not_stream_is_awaited(blocking: type[Any], asynchronous: type[Any]) -> None:
    for name, member in inspect.getmembers(asynchronous, inspect.isfunction):
        if not name.startswith("_"):
            streams = name.startswith(("stream", "watch_")) or name in STREAMS
            assert inspect.iscoroutinefunction(member) is not streams, name


def test_the_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNLAND_SERVER", "10.0.0.7:1234")

    with Funland() as named, Funland("127.0.0.1:1") as given:
        assert named.address == "10.0.0.7:1234"
        assert given.address == "127.0.0.1:1"

    monkeypatch.delenv("FUNLAND_SERVER")
    assert default_address() == "127.0.0.1:50051"
