"""`funland devices` against the real service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.terminal import SECONDS, Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack


def test_devices_are_listed_and_shown(funland: Command, stack: Stack) -> None:
    at = ("--server", stack.grpc_address)
    listed = funland("devices", *at)
    document = json.loads(funland("devices", "--json", *at).stdout)
    shown = funland("devices", "cpu_0", *at)
    long = funland("devices", "show", "cpu_0", *at)

    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines()[0].split()[:2] == ["DEVICE", "NAME"]
    assert "cpu_0" in listed.stdout
    cpu = document["devices"][0]
    assert (cpu["device_id"], cpu["kind"]) == ("cpu_0", "CPU")
    assert cpu["cpu"]["usable_cores"] > 0
    for told in (shown, long):
        assert told.returncode == 0, told.stderr
        assert "llama.cpp as CPU" in told.stdout


def test_a_device_that_is_not_there_is_an_exit_code_of_its_own(
    funland: Command, stack: Stack
) -> None:
    for arguments in (("gpu_9",), ("bench", "gpu_9")):
        result = funland("devices", *arguments, FUNLAND_SERVER=stack.grpc_address)

        assert result.returncode == 4
        assert "gpu_9" in result.stderr

    assert funland("devices", "nonsense").returncode == 2


def test_a_benchmark_tells_how_far_it_is_then_figures_and_what_is_best(
    funland: Command, stack: Stack
) -> None:
    result = funland("devices", "bench", "cpu_0", FUNLAND_SERVER=stack.grpc_address)

    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [
        "cpu_0 loads the model",
        "cpu_0 computes prompts",
        "cpu_0 writes one text",
        "cpu_0 writes eight texts",
    ]
    header, figures, _, best = result.stdout.splitlines()
    columns = [column.strip() for column in header.split("  ") if column]
    assert columns == [
        *("DEVICE", "ENGINE", "PROMPT", "1 STREAM", "8 STREAMS", "GAIN", "J/TOKEN", "LAYERS"),
    ]
    assert figures.startswith("cpu_0   llama.cpp")
    assert best.startswith("The best is cpu_0: ")


def test_a_benchmark_in_json_is_its_events_and_the_recommendations(
    funland: Command, stack: Stack
) -> None:
    result = funland("devices", "bench", "--json", FUNLAND_SERVER=stack.grpc_address)

    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["progress"]["phase"] == "LOADING"
    measured = events[-2]["result"]
    assert measured["tokens_per_second_8_streams"] > 0
    (recommended,) = [r for r in events[-1]["recommendations"] if r["device_id"] == "cpu_0"]
    assert recommended["benchmark"] == measured


def test_a_watch_at_a_terminal_goes_on_until_it_is_interrupted(
    funland: Command, stack: Stack
) -> None:
    environment = funland.environment(FUNLAND_SERVER=stack.grpc_address, TERM="xterm")
    terminal = Terminal([funland.path, "devices", "--watch"], environment)
    try:
        terminal.wait_for("cpu_0")
        terminal.type("\x03")

        assert terminal.process.wait(SECONDS) == 130
    finally:
        terminal.close()
