"""`health` and `status`: the server, what it takes of the machine, and its queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from funland.v1.hardware_pb2 import Acceleration, Device, ListDevicesResponse
from funland.v1.system_pb2 import GetStatusRequest, Health, Resources, SystemStatus
from funland.v1.tasks_pb2 import ListLanesResponse
from funland_gateway.dialects.asking import asked_in_turn
from funland_gateway.dialects.cards import is_card, mean, total
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.figures import percent_of, rounded
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.rpcs import (
    GET_ACCELERATION,
    GET_RESOURCES,
    GET_STATUS,
    LIST_DEVICES,
    LIST_LANES,
)
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.lanes import LATER, computing, queues
from funland_gateway.dialects.sizes import size

ONLINE: Final = "online"

_ASKS: Final = (GET_STATUS, GET_RESOURCES, LIST_DEVICES, GET_ACCELERATION, LIST_LANES)


def get_health(incoming: Incoming) -> Unary:
    """Asks how the server is, as the other APIs that share the path do."""

    def answer(status: SystemStatus) -> Reply:
        serving = status.state == Health.SERVING
        data = {
            "status": "healthy" if serving else "stopping",
            "version": status.version,
            "uptime": status.uptime.seconds,
            "components": {**_components(status), "api_server": ONLINE},
        }
        how = HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE
        return done(incoming, data, status=how)

    return Unary(GET_STATUS, GetStatusRequest(), answer)


def get_status(incoming: Incoming) -> Unary:
    """Asks all parts that know a number of the answer's."""

    def answer(
        status: SystemStatus,
        resources: Resources,
        devices: ListDevicesResponse,
        acceleration: Acceleration,
        lanes: ListLanesResponse,
    ) -> Reply:
        where = acceleration.effective_device_ids
        data = {
            "version": status.version,
            "uptime": status.uptime.seconds,
            "config": {"workers_enabled": {**computing(where), **dict.fromkeys(LATER, False)}},
            "resources": _resources(resources, devices.devices),
            "queues": queues(lanes.lanes, where),
        }
        return done(incoming, data)

    return asked_in_turn(_ASKS, answer)


def _components(status: SystemStatus) -> dict[str, str | None]:
    """By the models that are in memory; null: none is there, or there is no such part."""
    where = [each for model in status.loaded_models for each in model.loaded.device_ids]
    language = {name: ONLINE if there else None for name, there in computing(where).items()}
    return {**language, **dict.fromkeys(LATER)}


def _resources(resources: Resources, devices: Iterable[Device]) -> dict[str, Any]:
    memory = resources.memory
    cards = [device.metrics for device in devices if is_card(device)]
    return {
        "cpu_usage": rounded(resources.cpu, "utilization_percent"),
        "memory_usage": percent_of(memory.used_bytes, memory.total_bytes),
        "gpu_usage": mean([rounded(card, "utilization_percent") for card in cards]),
        "gpu_memory": _gpu_memory(
            [optional(card, "memory_used_bytes") for card in cards],
            [optional(card, "memory_total_bytes") for card in cards],
        ),
    }


def _gpu_memory(used: Sequence[int | None], whole: Sequence[int | None]) -> str | None:
    """`4.8GB / 8GB` of all cards together; None: there is none, or one does not tell."""
    in_use, in_all = total(used), total(whole)
    if not in_all or in_use is None:
        return None
    return f"{size(in_use)} / {size(in_all)}"
