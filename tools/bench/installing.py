"""Installs a model in a running service and loads it as a measurement wants it."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

from funland.v1.models_pb2 import LoadSettings
from funland_client import Funland, LoadArguments
from tools.bench.services import Service

FIND_SECONDS = 40.0
"""Drivers and engines may take so long to say what there is."""


def install(
    service: Service,
    model: Path,
    *,
    slots: int,
    context_length: int,
    device_id: str = "",
    flash: str = "",
) -> str:
    """The id of the model, loaded with these settings and no call in it, on a device if one is
    named, and with attention in one pass `on` or `off` if that is said."""
    model_id = model.stem.lower()
    with Funland(service.grpc, timeout=300) as client:
        if model_id in {known.model_id for known in client.models.list()}:
            client.models.unload(model_id)
        else:
            client.models.import_file(model, model_id)
        settings = LoadArguments(slots=slots, context_length=context_length)
        if device_id:
            settings["device_ids"] = [device_id]
        if flash:
            settings["flash_attention"] = flash == "on"
        client.models.load(model_id, **settings)
    return model_id


def llama_cpp_name(service: Service, device_id: str) -> str:
    """What llama.cpp calls a device of the service's machine, once it is found.

    Raises:
        ValueError: There is no such device, or llama.cpp does not compute on it.
    """
    end = monotonic() + FIND_SECONDS
    with Funland(service.grpc) as client:
        while True:
            for device in client.hardware.devices().devices:
                for each in device.engines:
                    if device.device_id == device_id and each.engine == LoadSettings.LLAMA_CPP:
                        return each.name
            if monotonic() > end:
                raise ValueError(f"llama.cpp computes on no device {device_id} here")
            sleep(0.5)  # the pause of a poll
