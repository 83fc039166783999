"""The commands against the real service."""

from __future__ import annotations

import json
import subprocess
from importlib import resources
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

MODEL = "funland-tiny"
GREEDY = ("--temperature", "0", "--max-tokens", "16")


def test_chat_answers_a_message_and_nothing_else(funland: Command, stack: Stack) -> None:
    result = funland("chat", "Hello", *GREEDY, "--server", stack.grpc_address)

    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.strip()
    assert "\x1b" not in result.stdout
    assert result.stdout.endswith("\n")


def test_chat_reads_a_pipe(funland: Command, stack: Stack) -> None:
    given = funland("chat", "Hello", *GREEDY, FUNLAND_SERVER=stack.grpc_address)
    piped = funland("chat", *GREEDY, stdin="Hello", FUNLAND_SERVER=stack.grpc_address)

    assert piped.stdout == given.stdout


def test_json_events_tell_the_same_text_and_what_it_took(funland: Command, stack: Stack) -> None:
    text = funland("generate", "Once", *GREEDY, "--server", stack.grpc_address).stdout
    events = [
        json.loads(line)
        for line in funland(
            "generate", "-", *GREEDY, "--json", stdin="Once", FUNLAND_SERVER=stack.grpc_address
        ).stdout.splitlines()
    ]

    assert events[0]["start"]["model"] == MODEL
    assert "".join(e["delta"]["text"] for e in events[1:-1]).rstrip("\n") == text.rstrip("\n")
    assert events[-1]["finish"]["usage"]["completion_tokens"] > 0


def test_models_are_listed_and_shown(funland: Command, stack: Stack) -> None:
    listed = funland("models", "list", "--server", stack.grpc_address)
    document = json.loads(
        funland("models", "list", "--json", "--server", stack.grpc_address).stdout
    )
    shown = funland("models", "show", MODEL, "--server", stack.grpc_address)

    assert f"{MODEL} (default)" in listed.stdout
    assert document["models"][0]["model_id"] == MODEL
    assert document["models"][0]["sha256"] in shown.stdout


def test_a_loaded_model_is_in_ps_until_it_is_unloaded(funland: Command, stack: Stack) -> None:
    loaded = funland("models", "load", MODEL, "--server", stack.grpc_address)
    busy = json.loads(funland("ps", "--json", "--server", stack.grpc_address).stdout)
    table = funland("ps", "--server", stack.grpc_address)
    unloaded = funland("models", "unload", MODEL, "--server", stack.grpc_address)
    idle = json.loads(funland("ps", "--json", "--server", stack.grpc_address).stdout)

    assert loaded.stdout.startswith(f"Loaded {MODEL} in ")
    assert [model["model_id"] for model in busy["models"]] == [MODEL]
    assert MODEL in table.stdout
    assert unloaded.stdout == f"Unloaded {MODEL}.\n"
    assert idle["models"] == []


def test_a_model_is_imported_used_and_removed(funland: Command, stack: Stack) -> None:
    file = resources.files("funland_server.models") / "embedded" / f"{MODEL}.gguf"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    imported = run("models", "import", str(file), "--id", "copy", "--alias", "c2")
    answered = run("chat", "Hello", "-m", "c2", *GREEDY)
    removed = run("models", "rm", "copy")

    assert imported.stdout == "Imported copy. Try it: funland chat -m copy\n"
    assert answered.stdout == run("chat", "Hello", *GREEDY).stdout
    assert removed.stdout == "Deleted copy.\n"
    assert run("models", "show", "copy").returncode == 4


def test_status(funland: Command, stack: Stack) -> None:
    shown = funland("status", "--server", stack.grpc_address)
    document = json.loads(funland("status", "--json", "--server", stack.grpc_address).stdout)

    assert "serving" in shown.stdout
    assert document["state"] == "SERVING"
    assert document["memory"]["total_bytes"] > 0


@pytest.mark.parametrize(
    "command", ["models show nope", "models load nope", "models rm nope", "chat Hi -m nope"]
)
def test_an_unknown_model_is_exit_code_4(funland: Command, stack: Stack, command: str) -> None:
    result = funland(*command.split(), "--server", stack.grpc_address)

    assert result.returncode == 4
    assert "nope" in result.stderr


def test_a_value_out_of_range_is_named(funland: Command, stack: Stack) -> None:
    result = funland("chat", "Hi", "--temperature", "7", "--json", "--server", stack.grpc_address)

    assert result.returncode == 1
    error = json.loads(result.stderr)["error"]
    assert error["reason"] == "FIELD_INVALID"
    assert error["field_violations"][0]["field"] == "sampling.temperature"
    assert error["request_id"]


def test_the_built_in_model_is_not_removed(funland: Command, stack: Stack) -> None:
    result = funland("models", "rm", MODEL, "--server", stack.grpc_address)

    assert result.returncode == 1
    assert "hint: To free its memory: funland models unload" in result.stderr
