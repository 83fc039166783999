"""What a device takes of power, where it can be read."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from funland.v1.hardware_pb2 import DeviceMetrics
from funland_server.hardware.power import PowerMeter, spent_joules
from tests.server.hardware.machines import cpu, gpu


@pytest.mark.parametrize(
    ("begin", "end", "ranges", "expected"),
    [
        ([], [], [], None),
        ([1_000_000], [3_500_000], [9_000_000], 2.5),
        ([1_000_000, 0], [2_000_000, 1_000_000], [9_000_000, 9_000_000], 2.0),
        # A counter begins anew.
        ([8_000_000], [1_000_000], [9_000_000], 2.0),
        ([None], [2_000_000], [9_000_000], None),
        # One of two sockets would be half of the truth.
        ([1_000_000, 0], [2_000_000, None], [9_000_000, 9_000_000], None),
    ],
)
def test_energy_by_counters(
    begin: list[int | None], end: list[int | None], ranges: list[int | None], expected: float | None
) -> None:
    assert spent_joules(begin, end, ranges) == expected


def sample(seconds: int, watts: float | None) -> DeviceMetrics:
    metrics = DeviceMetrics(power_watts=watts)
    metrics.time.FromSeconds(seconds)
    return metrics


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(1, 50.0), (1, 50.0)], None, id="read before it began"),
        pytest.param([(1, 50.0), (2, 100.0), (2, 100.0), (3, 200.0)], 150, id="each sample once"),
        pytest.param([(1, None), (2, None)], None, id="not to be read"),
    ],
)
def test_power_by_samples(samples: list[tuple[int, float | None]], expected: float | None) -> None:
    told = iter([sample(*each) for each in samples])
    meter = PowerMeter(gpu(), lambda: next(told))

    for _ in samples[1:]:
        meter.read()

    assert meter.watts() == expected


def test_a_cpus_counters_are_those_of_its_sockets(tmp_path: Path) -> None:
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "psys"}
    for zone, name in zones.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(f"{name}\n")
        (tmp_path / zone / "max_energy_range_uj").write_text("262143328850\n")
        (tmp_path / zone / "energy_uj").write_text("1000000\n")
    begin = monotonic()
    meter = PowerMeter(cpu(), DeviceMetrics, tmp_path)
    began = monotonic()
    for zone in zones:
        (tmp_path / zone / "energy_uj").write_text("6000000\n")

    now = monotonic()
    watts = meter.watts()

    assert watts is not None
    assert 5 / (monotonic() - begin) <= watts <= 5 / (now - began)


def test_counters_that_only_root_may_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "name").write_text("package-0")

    assert PowerMeter(cpu(), DeviceMetrics, tmp_path).watts() is None
