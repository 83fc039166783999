"""`funland serve` and `funland gateway` start, say where they are and stop when they are asked."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import openai
import pytest

from funland_client import Funland
from funland_client.errors import ServerStoppingError

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

SECONDS = 120


@contextmanager
def started(
    funland: Command, *arguments: str, cwd: Path
) -> Generator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Starts a service; gives its process and what it says when it is ready."""
    process = subprocess.Popen(
        [funland.path, *arguments, "--http-port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=cwd,
        env=funland.environment(FUNLAND_HOME=str(cwd / "home")),
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_stop(
    funland: Command, tmp_path: Path, ask: signal.Signals
) -> None:
    with started(funland, "serve", "--grpc-port", "0", cwd=tmp_path) as (process, ready):
        with Funland(ready["grpc"]) as client:
            client.system.health()
        with openai.OpenAI(base_url=f"{ready['http']}/v1", api_key="any") as web:
            assert web.models.list().data
        assert ready["home"] == str(tmp_path / "home")

        process.send_signal(ask)

        assert process.wait(SECONDS) == 0


def call_while(process: subprocess.Popen[str], client: Funland) -> None:
    """Calls again and again."""
    while process.poll() is None:
        client.models.list()


def test_the_second_signal_does_not_wait_for_the_calls(funland: Command, tmp_path: Path) -> None:
    (tmp_path / "funland.toml").write_text("[server]\ndrain_seconds = 600\n")
    with (
        started(funland, "serve", "--grpc-port", "0", cwd=tmp_path) as (process, ready),
        Funland(ready["grpc"], retries=0) as client,
    ):
        stream = client.stream_generate("Once", n=32, ignore_end=True, max_tokens=10_000)
        next(stream)

        process.send_signal(signal.SIGINT)
        with pytest.raises(ServerStoppingError):
            call_while(process, client)
        process.send_signal(signal.SIGINT)

        assert process.wait(SECONDS) == 130


def test_a_home_that_has_a_server_has_no_second(funland: Command, stack: Stack) -> None:
    second = funland("serve", "--grpc-port", "0", "--http-port", "0", FUNLAND_HOME=str(stack.home))

    assert second.returncode == 1
    assert f"{stack.home} has a server already, process {stack.process.pid}:" in second.stderr
    assert "--home" in second.stderr
    assert "Funland is ready" not in second.stdout


def test_a_busy_port_is_said_to_be_busy(funland: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        serve = funland(
            "serve", "--grpc-port", port, "--http-port", "0", FUNLAND_HOME=str(tmp_path)
        )
        gateway = funland("gateway", "--http-port", port, FUNLAND_HOME=str(tmp_path))

    for result, flag in ((serve, "--grpc-port"), (gateway, "--http-port")):
        assert result.returncode == 1
        assert f"127.0.0.1:{port}" in result.stderr
        assert "is in use" in result.stderr
        assert flag in result.stderr
        assert "Traceback" not in result.stderr


def test_a_gateway_alone_reaches_a_server_elsewhere(
    funland: Command, stack: Stack, tmp_path: Path
) -> None:
    arguments = ("gateway", "--server", stack.grpc_address)
    with started(funland, *arguments, cwd=tmp_path) as (process, ready):
        with openai.OpenAI(base_url=f"{ready['http']}/v1", api_key="any") as client:
            assert "funland-tiny" in [model.id for model in client.models.list()]

        process.send_signal(signal.SIGTERM)

        assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("command", ["serve", "gateway"])
def test_a_dialect_has_a_port_of_its_own(
    funland: Command, stack: Stack, tmp_path: Path, command: str
) -> None:
    where = {"serve": ("--grpc-port", "0"), "gateway": ("--server", stack.grpc_address)}
    listen = ("--listen", "0=manager", "--listen", "127.0.0.2:0=hellovm")
    with started(funland, command, *where[command], *listen, cwd=tmp_path) as (process, ready):
        manager, hellovm = ready["dialects"]
        assert (manager["dialect"], hellovm["dialect"]) == ("manager", "hellovm")
        assert hellovm["url"].startswith("http://127.0.0.2:")
        with urlopen(f"{manager['url']}/health") as response:  # noqa: S310 - what serve told
            assert json.load(response)["service"] == "llm-manager-api"

        process.send_signal(signal.SIGTERM)

        assert process.wait(SECONDS) == 0


def test_a_busy_port_of_a_dialect_is_said_to_be_busy(funland: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        listen = ("--http-port", "0", "--listen", f"{port}=manager")
        result = funland("gateway", *listen, FUNLAND_HOME=str(tmp_path))

    assert result.returncode == 1
    assert f"127.0.0.1:{port}, where manager would listen, is in use" in result.stderr
    assert "--listen" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_of_a_dialect_that_is_none_is_told_the_dialects(
    funland: Command, tmp_path: Path
) -> None:
    result = funland("serve", "--listen", "5000=ghost", FUNLAND_HOME=str(tmp_path))

    assert result.returncode == 2
    assert "gateway.listen (from --listen) is wrong" in result.stderr
    assert "openai, inference, hellovm, manager, platform, scheduler" in " ".join(
        result.stderr.split()
    )


def test_with_accounts_what_it_says_to_try_brings_a_key(funland: Command, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [funland.path, "serve", "--grpc-port", "0", "--http-port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path,
        env=funland.environment(
            FUNLAND_HOME=str(tmp_path / "home"), FUNLAND_SERVER__ACCOUNTS="true"
        ),
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            told = "".join(iter(process.stdout.readline, "Ctrl-C stops it.\n"))
        finally:
            process.kill()

    password = re.search(r"^password +(\S+)$", told, re.MULTILINE)
    assert password
    assert '-H "authorization: Bearer $FUNLAND_KEY"' in told.partition("Try it:")[2]
    log = tmp_path / "home" / "server.log"
    assert not log.exists() or password[1] not in log.read_text(encoding="utf-8")
