"""Places a model for an engine that does not part it."""

from __future__ import annotations

from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.candidates import Candidates, name_of
from funland_server.devices.spots import placed_on, shared_bytes, spot_of, too_large
from funland_server.devices.subject import Demand, Machine, Placement, Subject, on_cpu
from funland_server.workers.errors import EngineUnsupportedError
from funland_server.workers.spec import PlacedDevice


def place_whole(
    subject: Subject, machine: Machine, candidates: Candidates, demand: Demand
) -> Placement:
    """For an engine that does not part a model: on the first device that has room for all; on all
    that are named together, if it parts the work of a pass among them."""
    parts, engine = subject.parts, candidates.engine
    devices, beside = candidates.devices, demand.beside
    together = bool(demand.ids) and len(devices) + len(beside) > 1
    if together and engine == LoadSettings.CTRANSLATE2:
        raise EngineUnsupportedError(
            "CTranslate2 computes a model on one device; name one of device_ids.",
            engine=LoadSettings.Engine.Name(engine),
            feature="several devices",
        )
    spots = [spot_of(device, subject, machine) for device in devices]
    if together:
        share = parts.whole // len(devices)
        if all(
            spot.room is None or spot.takes(share, parts.compute) <= spot.room for spot in spots
        ):
            placed = [
                placed_on(device, spot, engine, bytes_=share, compute=parts.compute)
                for device, spot in zip(devices, spots, strict=True)
            ]
            named_too = [PlacedDevice(one.device_id, name_of(one, engine)) for one in beside]
            host = parts.host + parts.host_draft + shared_bytes(placed)
            return Placement(engine, (*placed, *named_too), host_bytes=host)
    else:
        for device, spot in zip(devices, spots, strict=True):
            if spot.room is None or spot.takes(parts.whole, parts.compute) <= spot.room:
                only = placed_on(device, spot, engine, bytes_=parts.whole, compute=parts.compute)
                host = parts.host + parts.host_draft + shared_bytes([only])
                return Placement(engine, (only,), host_bytes=host)
    if not demand.strict:
        return on_cpu(subject)
    raise too_large(subject, devices, spots, parts.whole + parts.compute)
