"""Which device is recommended, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funland.v1.errors_pb2 import Error
from funland.v1.hardware_pb2 import BenchmarkResult, Device, Recommendation
from funland_server.hardware.keys import Key, identity
from funland_server.hardware.recommending import recommend
from funland_server.hardware.store import Kept
from tests.server.hardware.machines import LLAMA, OPENVINO, cpu, gpu, result

VERSIONS = {LLAMA: "0.3", OPENVINO: "2026.4"}
FAILED = BenchmarkResult(engine=LLAMA, error=Error(message="Its memory is too small."))


def kept(device: Device, measured: BenchmarkResult) -> Kept:
    engine = measured.engine
    key = Key(identity(device), "ab", engine, VERSIONS[engine], device.driver_version)
    return Kept(key, measured)


def told(
    devices: list[Device], *measured: Kept, readers: tuple[int, ...] = (LLAMA, OPENVINO)
) -> list[Recommendation]:
    return recommend(devices, measured, VERSIONS, readers)  # type: ignore[arg-type]  # enum values are ints


def order(found: list[Recommendation]) -> list[str]:
    return [each.device_id for each in found]


def test_the_fastest_for_eight_streams_comes_first_and_the_cpu_is_what_it_is_compared_with() -> (
    None
):
    devices = [cpu(), gpu(0), gpu(1)]

    found = told(
        devices,
        kept(devices[0], result(devices[0], 100)),
        kept(devices[1], result(devices[1], 1234.5, joules_per_token=0.25)),
        kept(devices[2], result(devices[2], 50, other_calls=3)),
    )

    assert order(found) == ["gpu_0", "cpu_0", "gpu_1"]
    assert [each.gain for each in found] == [pytest.approx(12.345), 1, 0.5]
    assert [each.reason for each in found] == [
        "1,234 tokens/s for 8 streams, 309 for one, prompts at 12,345, with llama.cpp;"
        " 12.3 times what the CPU does; 0.25 J a token.",
        "100 tokens/s for 8 streams, 25 for one, prompts at 1,000, with llama.cpp.",
        "50 tokens/s for 8 streams, 12.5 for one, prompts at 500, with llama.cpp;"
        " 0.5 times what the CPU does; measured beside 3 other calls, so rather too low.",
    ]


def test_what_was_not_measured_comes_after_what_was_and_what_failed_last() -> None:
    devices = [cpu(), gpu(0, emulated=True), gpu(1), gpu(2), gpu(3)]

    found = told(devices, kept(devices[3], FAILED), kept(devices[4], result(devices[4], 1)))

    assert order(found) == ["gpu_3", "cpu_0", "gpu_1", "gpu_0", "gpu_2"]
    assert not any(each.HasField("gain") for each in found)  # the CPU was not measured
    assert [each.HasField("benchmark") for each in found] == [True, False, False, False, True]
    assert found[1].reason == "Not measured with this model yet."
    assert found[4].reason == "It failed: Its memory is too small."


def test_of_several_engines_the_fastest_counts() -> None:
    device = cpu()

    (found,) = told(
        [device],
        kept(device, result(device, 100)),
        kept(device, result(device, 200, engine=OPENVINO)),
        kept(device, FAILED),
    )

    assert found.benchmark.engine == OPENVINO


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"driver_version": "0.9"}, "Its driver has changed since it was measured."),
        ({"engine_version": "0.2"}, "Its engine has changed since it was measured."),
        ({"device": "GPU-9"}, "Not measured with this model yet."),
    ],
    ids=["driver", "engine", "device"],
)
def test_what_was_measured_of_something_else_is_not_told(
    changes: dict[str, str], reason: str
) -> None:
    before = kept(gpu(), result(gpu(), 100))

    (found,) = told([gpu()], replace(before, key=replace(before.key, **changes)))

    assert not found.HasField("benchmark")
    assert found.reason == reason


def test_a_device_that_is_gone_is_left_out_and_one_that_reads_no_such_model_says_so() -> None:
    devices = [cpu(), gpu(0, state=Device.UNAVAILABLE), gpu(1)]

    found = told(devices, readers=(OPENVINO,))

    assert order(found) == ["cpu_0", "gpu_1"]
    assert found[1].reason == "No engine that computes on it reads the model."
