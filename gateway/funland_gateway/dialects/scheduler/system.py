"""`health` and `status`: the server, what it takes of the machine, and its queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from funland.v1.hardware_pb2 import Acceleration, Device, ListDevicesResponse
from funland.v1.models_pb2 import Model
from funland.v1.system_pb2 import Resources, SystemStatus
from funland.v1.tasks_pb2 import ListLanesResponse
from funland_gateway.dialects.asking import asked_in_turn
from funland_gateway.dialects.cards import is_card, mean, total
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.figures import percent_of, rounded
from funland_gateway.dialects.health import ask_health
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.rpcs import (
    GET_ACCELERATION,
    GET_RESOURCES,
    GET_STATUS,
    LIST_DEVICES,
    LIST_LANES,
)
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.lanes import WORKERS, computing, queues, would_compute
from funland_gateway.dialects.sizes import size

ONLINE: Final = "online"

_ASKS: Final = (GET_STATUS, GET_RESOURCES, LIST_DEVICES, GET_ACCELERATION, LIST_LANES)


def get_health(incoming: Incoming) -> Unary:
    """Asks how the server is, as the other APIs that share the path do."""

    def answer(word: str, how: HTTPStatus, status: SystemStatus | None) -> Reply:
        data = {
            "status": word,
            "version": None if status is None else status.version,
            "uptime": None if status is None else status.uptime.seconds,
            "components": {**_components(status or SystemStatus()), "api_server": ONLINE},
        }
        return done(incoming, data, status=how)

    return ask_health(incoming, answer)


def get_status(incoming: Incoming) -> Unary:
    """Asks all parts that know a number of the answer's."""

    def told(  # noqa: PLR0917 - one for each that is asked
        models: Sequence[Model],
        status: SystemStatus,
        resources: Resources,
        devices: ListDevicesResponse,
        acceleration: Acceleration,
        lanes: ListLanesResponse,
    ) -> Reply:
        enabled = computing(would_compute(models, acceleration.effective_device_ids))
        data = {
            "version": status.version,
            "uptime": status.uptime.seconds,
            "config": {"workers_enabled": enabled},
            "resources": _resources(resources, devices.devices),
            "queues": queues(lanes.lanes, enabled),
        }
        return done(incoming, data)

    return every_model(lambda models: asked_in_turn(_ASKS, partial(told, models)))


def _components(status: SystemStatus) -> dict[str, str | None]:
    """By the models that are in memory; null: none is there, or that is not told."""
    there = computing((model, model.loaded.device_ids) for model in status.loaded_models)
    return {name: ONLINE if there[name] else None for name in WORKERS}


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
