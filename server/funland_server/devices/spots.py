"""A model's parts on devices: what room they have, what they take, and that it is too little."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.hardware_pb2 import Device
from funland_server.devices.candidates import Engine, name_of
from funland_server.devices.fitting import Spot
from funland_server.devices.rooms import in_machine
from funland_server.devices.subject import Machine, Subject
from funland_server.workers.errors import ModelTooLargeError
from funland_server.workers.spec import PlacedDevice


def spot_of(device: Device, subject: Subject, machine: Machine) -> Spot:
    """The room that a device has for a model."""
    correction = subject.corrections.get(device.device_id, 1.0)
    return Spot(machine.rooms.get(device.device_id), correction)


def placed_on(
    device: Device,
    spot: Spot,
    engine: Engine,
    *,
    bytes_: int,
    compute: int,
    layers: int | None = None,
) -> PlacedDevice:
    """What a worker is told of a device that a part of its model is on."""
    return PlacedDevice(
        device_id=device.device_id,
        name=name_of(device, engine),
        weight=float(layers or 1),
        layers=layers,
        bytes=spot.takes(bytes_, compute),
        parts_bytes=bytes_ + compute,
        available_bytes=spot.room,
        max_prompt_tokens=device.accelerator.max_prompt_tokens,
        shares_memory=in_machine(device),
    )


def shared_bytes(placed: Sequence[PlacedDevice]) -> int:
    """What of all parts is in the machine's memory, which some devices share."""
    return sum(one.bytes for one in placed if one.shares_memory)


def too_large(
    subject: Subject,
    devices: Sequence[Device],
    spots: Sequence[Spot],
    needed: int,
    *,
    layers: int | None = None,
) -> ModelTooLargeError:
    """The error that says what is needed there, and what there is."""
    available = sum(spot.room or 0 for spot in spots)
    where = ",".join(device.device_id for device in devices)
    what = f"{layers} layers of model" if layers is not None else "Model"
    return ModelTooLargeError(
        f"{what} {subject.model_id!r} {'need' if layers is not None else 'needs'} about"
        f" {needed / 1e9:.2f} GB on {where}, and {available / 1e9:.2f} GB can be had there. Ask for"
        " a shorter context_length, fewer slots or fewer cache_tokens, name more device_ids (cpu_0"
        " too), or unload what is busy.",
        model=subject.model_id,
        needed_bytes=str(needed),
        available_bytes=str(available),
        devices=where,
    )
