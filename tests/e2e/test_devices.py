"""Devices are told alike over gRPC and REST, and found as the machine has them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from funland.v1 import hardware_pb2
from funland.v1.hardware_pb2 import Device, DeviceEvent, ListDevicesResponse
from funland_server.devices.readers.cpu import CpuReader
from tests import lavapipe
from tests.conftest import Stack, StartStack

_SECONDS = 120
_PATHS = {
    "ListDevices": "devices",
    "GetDevice": "devices/{device_id}",
    "GetDeviceMetrics": "devices/{device_id}/metrics",
    "WatchDevices": "devices:watch",
}


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


class Refused(Exception):
    """A call's error, by its reason."""


class Grpc:
    """Asks by gRPC."""

    def __init__(self, stack: Stack) -> None:
        self._channel = grpc.insecure_channel(stack.grpc_address)

    def ask(self, name: str, answer: type[Message], **request: Any) -> Any:
        call: Any = self._channel.unary_unary(
            f"/funland.v1.HardwareService/{name}",
            request_serializer=_serialize,
            response_deserializer=answer.FromString,
        )
        try:
            return call(getattr(hardware_pb2, f"{name}Request")(**request), timeout=_SECONDS)
        except grpc.RpcError as error:
            raise Refused(error.details()) from None

    @contextmanager
    def watch(self) -> Generator[Iterator[DeviceEvent]]:
        watch: Any = self._channel.unary_stream(
            "/funland.v1.HardwareService/WatchDevices",
            request_serializer=_serialize,
            response_deserializer=DeviceEvent.FromString,
        )
        call = watch(hardware_pb2.WatchDevicesRequest(), timeout=_SECONDS)
        yield call
        call.cancel()

    def close(self) -> None:
        self._channel.close()


class Rest:
    """Asks by JSON."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"{stack.http_url}/funland/v1/"

    def ask(self, name: str, answer: type[Message], **request: Any) -> Any:
        path = _PATHS[name].format(**request)
        query = "&".join(f"{k}={json.dumps(v)}" for k, v in request.items() if k != "device_id")
        try:
            with _opened(f"{self._url}{path}?{query}") as told:
                return json_format.Parse(told.read(), answer())
        except HTTPError as error:
            raise Refused(json.load(error)["error"]["message"]) from None

    @contextmanager
    def watch(self) -> Generator[Iterator[DeviceEvent]]:
        with _opened(f"{self._url}{_PATHS['WatchDevices']}") as told:
            lines = (line.decode() for line in told)
            yield (
                json_format.Parse(line.removeprefix("data:"), DeviceEvent())
                for line in lines
                if line.startswith("data:")
            )

    def close(self) -> None:
        pass


@pytest.fixture(params=[Grpc, Rest], ids=["grpc", "rest"])
def wire(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Grpc | Rest]:
    wire = request.param(stack)
    yield wire
    wire.close()


def test_the_cpu_is_told_as_it_is(wire: Grpc | Rest) -> None:
    told = wire.ask("GetDevice", Device, device_id="cpu_0")

    expected = CpuReader().look(anew=True).found[0].device
    assert (told.kind, told.state, told.name) == (Device.CPU, Device.AVAILABLE, expected.name)
    assert told.cpu == expected.cpu
    assert told.metrics.memory_total_bytes == expected.metrics.memory_total_bytes
    assert [each.engine for each in told.engines] == [each.engine for each in expected.engines]


def test_a_list_has_details_only_if_it_is_asked_for_them(wire: Grpc | Rest) -> None:
    brief = wire.ask("ListDevices", ListDevicesResponse).devices[0]
    detailed = wire.ask("ListDevices", ListDevicesResponse, detailed=True, refresh=True).devices[0]

    assert not brief.HasField("cpu")
    assert detailed.cpu.threads == len(os.sched_getaffinity(0))
    assert detailed.device_id == brief.device_id == "cpu_0"


def test_what_a_device_does_is_told_with_what_it_did(wire: Grpc | Rest) -> None:
    told = wire.ask(
        "GetDeviceMetrics", hardware_pb2.GetDeviceMetricsResponse,
        device_id="cpu_0", history_size=2,
    )  # fmt: skip

    assert told.device_id == "cpu_0"
    assert 0 < told.metrics.memory_used_bytes < told.metrics.memory_total_bytes
    times = [each.time.ToNanoseconds() for each in (told.metrics, *told.history)]
    assert len(times) <= 3
    assert times == sorted(set(times), reverse=True)


def test_a_device_that_is_not_there_is_refused(wire: Grpc | Rest) -> None:
    for name, answer in (
        ("GetDevice", Device), ("GetDeviceMetrics", hardware_pb2.GetDeviceMetricsResponse),
    ):  # fmt: skip
        with pytest.raises(Refused, match="There is no device 'gpu_77'"):
            wire.ask(name, answer, device_id="gpu_77")


def test_a_history_is_no_longer_than_what_is_kept(wire: Grpc | Rest) -> None:
    for size in (-1, 361):
        with pytest.raises(Refused, match="history_size"):
            wire.ask(
                "GetDeviceMetrics", hardware_pb2.GetDeviceMetricsResponse,
                device_id="cpu_0", history_size=size,
            )  # fmt: skip


def test_a_watch_begins_with_what_there_is_and_tells_what_is_sampled(wire: Grpc | Rest) -> None:
    with wire.watch() as events:
        first = next(events).device
        wire.ask("ListDevices", ListDevicesResponse, refresh=True)
        later = next(event.device for event in events if event.device.device_id == "cpu_0")

    assert first.device_id == "cpu_0"
    assert not first.HasField("cpu")
    assert later.metrics.time.ToNanoseconds() > first.metrics.time.ToNanoseconds()


def test_a_device_that_is_emulated_is_a_gpu_that_keeps_its_id(start_stack: StartStack) -> None:
    environment = lavapipe.environment()
    for _ in range(2):
        stack = start_stack(**environment)
        gpu = _settled(Grpc(stack), lambda each: each.kind == Device.GPU)
        stack.stop()

        assert (gpu.device_id, gpu.state, gpu.emulated) == ("gpu_0", Device.AVAILABLE, True)
        assert gpu.name.startswith("llvmpipe")
        assert [(each.name, each.backend) for each in gpu.engines] == [("Vulkan0", "Vulkan")]
        assert gpu.metrics.memory_total_bytes > 0


def _opened(url: str) -> Any:
    return urlopen(url, timeout=_SECONDS)  # noqa: S310 - the service's own


def _settled(wire: Grpc, wanted: Callable[[Device], bool]) -> Device:
    """A device, as soon as it is there."""
    with wire.watch() as events:
        return next(event.device for event in events if wanted(event.device))
