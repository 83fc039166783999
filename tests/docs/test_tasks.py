"""What docs/tasks.md shows works as it stands there."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from funland.v1.tasks_pb2 import SubmitTaskRequest, Webhook
from funland_client import Funland
from funland_gateway.transcoding.decoder import decode
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.conftest import Stack
from tests.docs.markdown import blocks, read
from tests.server.tasks import calls
from tests.server.tasks.webhooks.receiver import SECRET
from tests.server.tasks.webhooks.test_letter import failed_body

DOCUMENT = read("docs/tasks.md")
SHORT, RECEIVER = blocks(DOCUMENT, "python")
"""What calls, and what is called."""
EXAMPLE = re.compile(r"^\$ (.*)\n", re.MULTILINE)


def run(stack: Stack, interpreter: list[str], script: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*interpreter, script.replace("localhost:8000", stack.http_url.removeprefix("http://"))],
        env={**os.environ, "FUNLAND_SERVER": stack.grpc_address, "PATH": path},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return done.stdout


def test_every_command_runs(stack: Stack) -> None:
    examples = EXAMPLE.findall("".join(blocks(DOCUMENT, "console")))

    assert len(examples) == 7
    for command in examples:
        output = run(stack, ["bash", "-e", "-o", "pipefail", "-c"], command)

        assert output, command
        assert '"error":{' not in output, output
    with Funland(stack.grpc_address) as client:  # which others use too
        (waiting,) = [one for one in client.tasks.list() if one.idempotency_key == "morning"]
        client.tasks.delete(waiting.task_id)


def test_the_python_runs(stack: Stack) -> None:
    assert run(stack, [sys.executable, "-c"], SHORT)


@pytest.mark.parametrize("example", [text for text in blocks(DOCUMENT, "json") if "work" in text])
def test_what_is_submitted_is_a_request(example: str) -> None:
    decode(SubmitTaskRequest.DESCRIPTOR, json.loads(example))


async def test_the_receiver_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = RECEIVER.replace("9000", str(port))
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, SECRET, stdout=asyncio.subprocess.PIPE
    )
    server = Server(
        ServerSettings(home=tmp_path / "home", port=0, allowed_private_hosts=("127.0.0.1",))
    )
    await server.start()
    try:
        webhook = Webhook(url=f"http://127.0.0.1:{port}/", secret=SECRET)
        await calls.submit(server, calls.chat(), webhook=webhook)
        assert receiver.stdout is not None
        said = await asyncio.wait_for(receiver.stdout.readline(), 120)
    finally:
        await server.stop(0)
        receiver.kill()
        await receiver.wait()

    assert said == b"task.completed COMPLETED\n"


def test_what_a_webhook_is_told_has_the_keys_that_are_shown() -> None:
    (shown,) = [json.loads(text) for text in blocks(DOCUMENT, "json") if "task.failed" in text]
    told = json.loads(failed_body())

    assert list(shown) == list(told)
    assert list(shown["data"]) == list(told["data"])
    assert list(shown["data"]["error"]) == list(told["data"]["error"])
