"""A benchmark of a device that is not the CPU: Mesa's lavapipe."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import urlopen

from funland_client import Funland
from tests import lavapipe
from tests.conftest import StartStack

SECONDS = 240
"""A program on the CPU plays the GPU: some tokens a second, and less beside other tests."""


def test_a_gpu_is_measured_where_it_is(start_stack: StartStack) -> None:
    stack = start_stack(**lavapipe.environment())
    with Funland(stack.grpc_address, timeout=SECONDS) as client:
        *_, last = client.hardware.benchmark_device("gpu_0")
        found = client.hardware.recommendations()

    measured = last.result
    assert not measured.HasField("error"), measured.error
    assert (measured.device_id, measured.engine_device) == ("gpu_0", lavapipe.NAME)
    assert measured.layers > 0
    assert measured.driver_version
    assert measured.tokens_per_second_8_streams > 0
    assert [each.device_id for each in found] == ["gpu_0", "cpu_0"], "what is measured comes first"
    assert found[0].benchmark == measured
    assert told(f"{stack.http_url}/funland/v1/recommendations")[0]["benchmark"]["layers"] > 0


def told(url: str) -> list[dict[str, Any]]:
    with urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - the service's own address
        return json.loads(answer.read())["recommendations"]
