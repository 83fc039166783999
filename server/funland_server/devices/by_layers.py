"""Places a model layer by layer, as llama.cpp computes it."""

from __future__ import annotations

from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.candidates import Candidates
from funland_server.devices.fitting import fit, segments
from funland_server.devices.spots import placed_on, shared_bytes, spot_of, too_large
from funland_server.devices.subject import Demand, Machine, Placement, Subject, on_cpu


def place_layers(
    wanted: LoadSettings,
    subject: Subject,
    machine: Machine,
    candidates: Candidates,
    demand: Demand,
) -> Placement:
    """For llama.cpp: layer by layer."""
    parts, devices = subject.parts, candidates.devices
    spots = [spot_of(device, subject, machine) for device in devices]
    most = len(parts.layers)
    count = wanted.gpu_layers if wanted.HasField("gpu_layers") else None
    weights: list[float] | None = None
    if wanted.device_split:
        weight = dict(zip(demand.ids, wanted.device_split, strict=True))
        weights = [weight[device.device_id] for device in devices]
        if count is None and (share := sum(weights) / sum(wanted.device_split)) < 1:
            count = round(share * most)
        if not sum(weights):
            return on_cpu(subject)
    elif demand.ids and all(spot.room for spot in spots):
        weights = [float(spot.room or 0) for spot in spots]
    if count is None and demand.alone:
        count = most
    split = fit(parts, spots, weights=weights, exact=bool(wanted.device_split), wanted=count)
    if split is None or (demand.strict and count != 0 and not sum(split)):
        needed = sum(parts.layers[most - min(count or 1, most) :]) + parts.compute
        raise too_large(subject, devices, spots, needed, layers=count)
    if not sum(split):
        return on_cpu(subject)
    placed = [
        placed_on(device, spot, candidates.engine, layers=layers, bytes_=own, compute=parts.compute)
        for device, spot, layers, own in zip(
            devices, spots, split, segments(parts, split), strict=True
        )
        if layers
    ]
    rest = parts.layers[: most - sum(split)]
    moved = sum(parts.layers) - sum(rest) - (parts.layers[-1] if parts.tied else 0)
    if not rest:
        moved -= parts.draft  # which is no part of the whole
    return Placement(
        engine=candidates.engine,
        devices=tuple(placed),
        gpu_layers=sum(split),
        host_bytes=parts.host
        + max(0, parts.whole - moved)
        + (parts.host_compute + parts.host_draft if rest else 0)
        + shared_bytes(placed),
    )
