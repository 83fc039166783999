"""A model comes from a hub over the whole service, whatever end the server has meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from funland_client import Funland
from tests.conftest import Stack, StartStack
from tests.hubs import kinds
from tests.hubs.server import FakeHub

MODEL = Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))
NAME = "owner/tiny-GGUF"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        hub.huggingface.add(NAME, {"tiny-Q8_0.gguf": MODEL, "README.md": "# Tiny"})
        yield hub


def serve(start_stack: StartStack, hub: FakeHub) -> Stack:
    return start_stack(**hub.settings)


def test_a_pulled_model_answers_at_once(start_stack: StartStack, hub: FakeHub) -> None:
    stack = serve(start_stack, hub)
    with Funland(stack.grpc_address) as client:
        *_, last = client.downloads.pull(f"huggingface:{NAME}")
        answer = client.chat("Hello!", model=last.model_id, max_tokens=3)

    assert last.verified
    assert answer.message.content


def test_a_pull_goes_on_after_kill_9(start_stack: StartStack, hub: FakeHub) -> None:
    size = MODEL.stat().st_size
    hub.faults.add(kinds.rate(size / 4))
    first = serve(start_stack, hub)
    with Funland(first.grpc_address) as client:
        begun = client.downloads.start(f"huggingface:{NAME}", max_connections=1)
        hub.wait(lambda: hub.bytes_sent("*.gguf") > size // 2)
        os.kill(first.pid, signal.SIGKILL)
        first.process.wait()
    hub.faults.clear()

    second = serve(start_stack, hub)
    with Funland(second.grpc_address) as client:
        *_, last = client.downloads.follow(begun.download_id)

    assert last.verified
    assert hub.bytes_sent("*.gguf") < 1.5 * size
