"""The script for machines with an accelerator: nothing that fails there holds up the rest."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.hardware_pb2 import Device, DeviceEngine
from funland.v1.models_pb2 import LoadSettings
from tools.bench import report as bench_report
from tools.bench.greedy import Comparison, compare
from tools.bench_gpu.plan import Plan, measuring_stages
from tools.bench_gpu.report import report
from tools.bench_gpu.service import llama_cpp_name, pick
from tools.bench_gpu.stages import Runner, Stage


def python(name: str, source: str, seconds: float = 60) -> Stage:
    return Stage(name, [sys.executable, "-c", source], seconds)


def test_what_fails_and_what_takes_too_long_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 600)

    for stage in (
        python("fails", "import sys; print('last words'); sys.exit(3)"),
        python(
            "endless", "import threading; print('begun', flush=True); threading.Event().wait()", 10
        ),
        Stage("away", ["/nowhere/at-all"], 60),
        python("works", "print('fine')"),
    ):
        runner.run(stage)

    assert [outcome.told for outcome in runner.outcomes] == [
        *("failed with 3", "took too long", "failed with 127", "done"),
    ]
    text = report(tmp_path, runner.outcomes)
    assert "## fails failed with 3" in text
    assert "last words" in text
    assert "fine" not in text


def test_without_time_no_stage_begins(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 5)

    outcome = runner.run(python("late", "print('begun')"))

    assert outcome.told == "no time left"
    assert not outcome.log.exists()


def device(
    device_id: str, kind: Device.Kind.ValueType, *engines: int, emulated: bool = False
) -> Device:
    names = {LoadSettings.LLAMA_CPP: "CUDA0", LoadSettings.OPENVINO: "GPU.0"}
    return Device(
        device_id=device_id, kind=kind, emulated=emulated,
        engines=[DeviceEngine(engine=each, name=names[each]) for each in engines],  # type: ignore[arg-type, index]  # an enum's values
    )  # fmt: skip


CPU = device("cpu_0", Device.CPU, LoadSettings.LLAMA_CPP)
PLAYED = device("gpu_0", Device.GPU, LoadSettings.LLAMA_CPP, emulated=True)
INTEL = device("gpu_1", Device.GPU, LoadSettings.OPENVINO)
NVIDIA = device("gpu_2", Device.GPU, LoadSettings.LLAMA_CPP)


@pytest.mark.parametrize(
    ("devices", "wanted", "expected"),
    [
        ([CPU, PLAYED, INTEL, NVIDIA], "", NVIDIA),
        ([CPU, PLAYED], "", None),
        ([CPU, PLAYED], "gpu_0", PLAYED),
        ([CPU], "gpu_0", None),
    ],
    ids=["the first GPU of llama.cpp", "none that is played", "unless it is named", "not there"],
)
def test_which_device_is_measured(
    devices: list[Device], wanted: str, expected: Device | None
) -> None:
    assert pick(devices, wanted) == expected
    assert llama_cpp_name(INTEL) == ""


def test_the_programs_of_others_are_measured_if_they_are_named(tmp_path: Path) -> None:
    plan = Plan(
        out=tmp_path, cache=tmp_path, shape="micro", device_id="gpu_2", device="CUDA0",
        rounds=1, seconds=0, llama_server=None, batched_bench=None,
    )  # fmt: skip

    _, alone, _ = measuring_stages(plan)
    _, beside, _ = measuring_stages(replace(plan, batched_bench=Path("/b/llama-batched-bench")))

    assert "llama-batched-bench" not in alone.command
    assert beside.command[-1] == "llama-batched-bench"
    assert "gpu_2" in alone.command


def test_texts_are_compared_token_by_token() -> None:
    one = [["a", "b", "c"], ["a", "b"], ["a"]]
    other = [["a", "b", "c"], ["a", "x"], ["a", "b"]]

    assert compare("x", one, other) == Comparison("x", 3, 1, [1, 1])


def test_on_a_device_other_ratios_are_demanded() -> None:
    least = {
        (bar.row, bar.against): dict(bar.least) for bar in bench_report.DEVICE_BARS if bar.least
    }

    assert least == {
        ("engine", "llama-batched-bench"): {1: 0.95, 8: 0.95, 32: 0.95},
        ("OpenAI", "llama-server"): {16: 1.05, 32: 1.05},
    }
