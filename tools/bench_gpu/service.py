"""What the service itself says of the machine's devices, and what its own benchmarks come to."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland_client import Funland, FunlandError
from tools.bench.installing import FIND_SECONDS
from tools.bench.services import funland


def pick(devices: list[Device], wanted: str) -> Device | None:
    """The device of that id; without one the first GPU or NPU that llama.cpp computes on and no
    program plays, else none."""
    if wanted:
        return next((device for device in devices if device.device_id == wanted), None)
    return next(
        (
            device
            for device in devices
            if device.kind != Device.CPU and not device.emulated and llama_cpp_name(device)
        ),
        None,
    )


def llama_cpp_name(device: Device) -> str:
    """What llama.cpp calls it; empty if it does not compute on it."""
    names = (each.name for each in device.engines if each.engine == LoadSettings.LLAMA_CPP)
    return next(names, "")


def main() -> None:
    """Asks a service of its own, and writes `devices.json`: the device that is chosen first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="", metavar="ID")
    arguments = parser.parse_args()
    with (
        TemporaryDirectory(prefix="funland-bench-gpu-") as home,
        funland(Path(home)) as service,
        Funland(service.grpc) as client,
    ):
        devices = _found(client, arguments.device)
        chosen = pick(devices, arguments.device)
        document = {
            "chosen": chosen.device_id if chosen else "",
            "llama_cpp": llama_cpp_name(chosen) if chosen and chosen.kind != Device.CPU else "",
            "devices": [_json(device) for device in devices],
            "benchmarks": [_benchmark(client, device) for device in devices],
        }
        document["recommendations"] = [_json(each) for each in client.hardware.recommendations()]
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    (arguments.out / "devices.json").write_bytes(text)
    print(text.decode())


def _found(client: Funland, wanted: str) -> list[Device]:
    """All devices, once the one that is wanted is there or long enough was waited for one."""
    end = monotonic() + FIND_SECONDS
    while True:
        devices = [*client.hardware.devices(detailed=True).devices]
        if pick(devices, wanted) is not None or monotonic() > end:
            return devices
        sleep(0.5)  # the pause of a poll


def _benchmark(client: Funland, device: Device) -> object:
    if device.state != Device.AVAILABLE:
        return {"device_id": device.device_id, "left_out": device.state_reason}
    try:
        with client.hardware.benchmark_device(device.device_id) as events:
            *_, last = events
    except FunlandError as error:
        return {"device_id": device.device_id, "error": str(error)}
    return _json(last.result)


def _json(message: Message) -> object:
    return MessageToDict(message, preserving_proto_field_name=True)


if __name__ == "__main__":
    main()
