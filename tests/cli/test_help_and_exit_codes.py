"""The command explains itself and ends with the exit code that it documents."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from funland_cli import entry
from funland_cli.commands import SUBCOMMANDS
from funland_cli.failures import ExitCode
from funland_cli.main import app
from funland_client.channel import ADDRESS_VARIABLE, DEFAULT_ADDRESS

if TYPE_CHECKING:
    from tests.cli.conftest import Command

COMMANDS = list(SUBCOMMANDS)
NOBODY = "127.0.0.1:1"


def test_help_lists_every_command_and_exit_code(funland: Command) -> None:
    result = funland("--help")

    assert result.returncode == 0
    for word in COMMANDS:
        assert f"\n  {word} " in result.stdout
    for code in ExitCode:
        assert f"\n    {code.value} " in result.stdout
    assert f"[default: ${ADDRESS_VARIABLE} or {DEFAULT_ADDRESS}]" in " ".join(result.stdout.split())


def test_ctrl_c_while_it_is_imported_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "funland_cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "funland_cli.main")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])

    with pytest.raises(SystemExit) as raised:
        entry.main()
    gc.enable()  # the process that would have ended is the tests'

    assert raised.value.code == ExitCode.INTERRUPTED


@pytest.mark.parametrize("arguments", [[], ["models"]])
def test_a_group_alone_shows_its_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, "models import", "models load", "models attach", "downloads watch", "tasks watch"],
)
def test_a_command_has_help_of_its_own(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])

    assert result.exit_code == 0
    assert "--json" in result.stdout or command == "models"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_says_what_the_help_of_each_begins_with(command: str) -> None:
    help_of_its_own = CliRunner().invoke(app, [command, "--help"]).stdout

    beginning = " ".join(help_of_its_own.partition("\n\n")[2].split())
    assert beginning.startswith(SUBCOMMANDS[command].summary)


def test_version(funland: Command) -> None:
    assert funland("--version").stdout == f"funland {importlib.metadata.version('funland')}\n"


@pytest.mark.parametrize(
    "command",
    ["ps", "status", "models list", "chat Hi", "generate Hi", "pull q", "downloads", "search"],
)
def test_no_server_is_exit_code_3_and_says_how_to_start_one(funland: Command, command: str) -> None:
    result = funland(*command.split(), "--server", NOBODY)

    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr == (
        f"error: No Funland server at {NOBODY}.\nhint: Start one with: funland serve\n"
    )


def test_the_server_is_named_before_or_after_the_command_or_by_the_environment(
    funland: Command,
) -> None:
    before = funland("--server", NOBODY, "ps")
    between = funland("--server", "127.0.0.1:2", "ps", "--server", NOBODY)
    variable = funland("ps", FUNLAND_SERVER=NOBODY)

    assert before.stderr == between.stderr == variable.stderr
    assert NOBODY in before.stderr


@pytest.mark.parametrize("arguments", [("--json", "ps"), ("ps", "--json")])
def test_json_errors_are_one_document_on_standard_error(
    funland: Command, arguments: tuple[str, ...]
) -> None:
    result = funland(*arguments, FUNLAND_SERVER=NOBODY)

    assert result.returncode == 3
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert error["reason"] == "SERVER_UNREACHABLE"
    assert error["code"] == "UNAVAILABLE"
    assert error["hint"] == "Start one with: funland serve"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["frob"], ["chat", "--frob"], ["models", "show"], ["chat", "--seed", "soon"]),
        *(
            ["chat", "--priority", "urgent"],
            ["pull", "q", "--hub", "moon"],
            ["models", "load", "m", "--engine", "abacus"],
        ),
        *(["models", "load", "m", "--keep-alive", "soon"],),
        *(["models", "load", "m", "--memory-limit", "4 cats"],),
        *(["models", "load", "m", "--split", "half"],),
    ],
)
def test_wrong_usage_is_exit_code_2_and_points_to_the_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "--help" in result.stderr


def test_text_that_is_not_utf8_is_wrong_usage(funland: Command) -> None:
    result = funland("chat", "\udcff", "--server", NOBODY)

    assert result.returncode == 2
    assert result.stderr == "error: The text is not UTF-8.\n"


def test_a_number_that_the_contract_can_not_hold_is_named(funland: Command) -> None:
    result = funland("chat", "Hi", "--top-k", str(2**40), "--server", NOBODY)

    assert result.returncode == 1
    assert "sampling.top_k" in result.stderr
