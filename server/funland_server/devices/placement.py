"""Decides where a model is computed: by which engine, on which devices, how many layers on each."""

from __future__ import annotations

from dataclasses import replace

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.as_a_whole import place_whole
from funland_server.devices.by_layers import place_layers
from funland_server.devices.candidates import Candidates, Space, chosen, named
from funland_server.devices.naming import known_names
from funland_server.devices.subject import Demand, Machine, Placement, Subject, on_cpu
from funland_server.errors import FieldInvalidError, Violation
from funland_server.workers.spec import ids_of

_FIELD = "settings"
_BY_LAYERS = (f"{_FIELD}.gpu_layers", f"{_FIELD}.device_split")
_NAMES = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "OpenVINO",
    LoadSettings.CTRANSLATE2: "CTranslate2",
}


def place(wanted: LoadSettings, subject: Subject, machine: Machine) -> Placement:
    """Places a model.

    Raises:
        FieldInvalidError: The settings contradict each other, or ask an engine for what it has not.
        DeviceNotFoundError, DeviceUnavailableError: See `errors`.
        EngineUnsupportedError: No engine that reads the model computes on what is named.
        ModelTooLargeError: It does not fit on what is named.
    """
    check(wanted)
    readers = subject.readers
    ids = tuple(wanted.device_ids) or ids_of(wanted.device, known_names(machine.devices))
    # An engine that is told a name of its own, or a format that it does not read, says so itself.
    if (wanted.device and not ids) or not readers.engines:
        return on_cpu(subject)
    if ids:
        candidates = named(ids, machine.devices, readers)
    else:
        needed = subject.parts.whole + subject.parts.compute
        space = Space(needed, machine.rooms, machine.free)
        candidates = chosen(machine.acceleration, machine.devices, readers, space)
    _check_layers(wanted, candidates)
    if not candidates.devices or (wanted.HasField("gpu_layers") and not wanted.gpu_layers):
        return on_cpu(subject)
    demand = _demand(ids, machine)
    if candidates.engine == LoadSettings.LLAMA_CPP and subject.parts.layers:
        return place_layers(wanted, subject, machine, candidates, demand)
    placement = place_whole(subject, machine, candidates, demand)
    if placement.devices and wanted.HasField("gpu_layers"):
        return replace(placement, gpu_layers=wanted.gpu_layers)
    return placement


def check(wanted: LoadSettings) -> None:
    """Whether settings can be met at all, whatever the model and the machine.

    Raises:
        FieldInvalidError: They can't.
    """
    split = wanted.device_split
    violations: list[Violation] = []
    if wanted.device and wanted.device_ids:
        violations.append(Violation(f"{_FIELD}.device", "can't be set together with device_ids"))
    if split and len(split) != len(wanted.device_ids):
        what = f"must have a weight for each of the {len(wanted.device_ids)} device_ids"
        violations.append(Violation(f"{_FIELD}.device_split", what))
    elif split and not sum(split):
        violations.append(Violation(f"{_FIELD}.device_split", "must have a weight above 0"))
    if violations:
        raise FieldInvalidError(violations)


def _check_layers(wanted: LoadSettings, candidates: Candidates) -> None:
    """Only llama.cpp computes by layers, and only accelerators are counted."""
    set_ = [wanted.HasField("gpu_layers"), bool(wanted.device_split)]
    fields = [field for field, one in zip(_BY_LAYERS, set_, strict=True) if one]
    if not candidates.devices:
        what = "must be 0: there is no accelerator that an engine for this model computes on"
        if wanted.device_ids or wanted.device:
            what = "must be 0 on a CPU: it counts the layers on accelerators"
        fields = [_BY_LAYERS[0]] if wanted.gpu_layers else []
    else:
        name = _NAMES[candidates.engine]
        what = f"must be unset: {name} computes this model here, and takes it as a whole"
        if candidates.engine == LoadSettings.LLAMA_CPP:
            fields = []
    if fields:
        raise FieldInvalidError([Violation(field, what) for field in fields])


def _demand(ids: tuple[str, ...], machine: Machine) -> Demand:
    cpus = [device for device in machine.devices if device.kind == Device.CPU]
    beside = tuple(device for device in cpus if device.device_id in ids)
    alone = machine.acceleration.mode == Acceleration.SINGLE and not ids
    return Demand(ids, beside, strict=(bool(ids) and not beside) or alone, alone=alone)
