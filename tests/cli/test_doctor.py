"""`funland doctor` on this machine."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack


def found(
    funland: Command, *arguments: str, code: int = 0, variables: dict[str, str] | None = None
) -> dict[str, Any]:
    command = [funland.path, "doctor", "--json", *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False,
        env=funland.environment(**(variables or {})),
    )  # fmt: skip
    assert result.returncode == code, result.stdout + result.stderr
    told = json.loads(result.stdout)
    assert told["well"] == (code == 0)
    return {finding["name"]: finding for finding in told["findings"]}


def test_a_machine_with_a_server_is_well(funland: Command, stack: Stack) -> None:
    places = {
        "FUNLAND_SERVER__PORT": stack.grpc_address.rpartition(":")[2],
        "FUNLAND_GATEWAY__PORT": stack.http_url.rpartition(":")[2],
    }
    told = found(
        funland, "--server", stack.grpc_address, "--home", str(stack.home), variables=places
    )

    for engine in ("llama_cpp", "openvino", "ctranslate2"):
        assert told[engine]["state"] == "ok"
    assert "the server here listens" in told["port of gRPC"]["message"]
    assert "the server here listens" in told["port of HTTP"]["message"]
    assert told["server"]["state"] == "ok"


def test_what_is_in_the_way_is_named(funland: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        told = found(
            funland, "--server", "127.0.0.1:1", "--home", str(tmp_path), code=1,
            variables={
                "FUNLAND_SERVER__PORT": "0", "FUNLAND_GATEWAY__PORT": str(number),
                "http_proxy": "http://proxy.example:3128", "no_proxy": "",
            },
        )  # fmt: skip

    assert told["port of HTTP"]["state"] == "wrong"
    assert "process" in told["port of HTTP"]["message"]
    assert told["proxy"]["state"] == "note"
    assert told["server"]["state"] == "note"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_named_and_the_rest_is_looked_at(
    funland: Command, tmp_path: Path
) -> None:
    (tmp_path / "funland.toml").write_text("[server]\nslots = -1\n")

    told = found(funland, "--home", str(tmp_path), "--server", "127.0.0.1:1", code=1)

    assert "server.slots" in told["settings"]["message"]
    assert told["openvino"]["state"] == "ok"


def test_people_see_what_to_do(funland: Command, tmp_path: Path) -> None:
    result = funland("doctor", "--home", str(tmp_path), "--server", "127.0.0.1:1")

    assert "note   server" in result.stdout
    assert "funland serve starts one" in result.stdout
