"""`system/status` and `system/config`: the server as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from google.protobuf.struct_pb2 import Value

from funland.v1.downloads_pb2 import DownloadQueue, Storage
from funland.v1.hardware_pb2 import Acceleration, Device, ListDevicesResponse
from funland.v1.models_pb2 import Model
from funland.v1.plugins_pb2 import ListPluginsResponse
from funland.v1.system_pb2 import (
    Configuration,
    GetConfigurationRequest,
    HealthReport,
    Performance,
    Resources,
    SystemStatus,
)
from funland_gateway.dialects.asking import asked_in_turn
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.figures import percent_of, rounded
from funland_gateway.dialects.health import health_word
from funland_gateway.dialects.hellovm.acceleration import mode_word
from funland_gateway.dialects.hellovm.answers import done
from funland_gateway.dialects.hellovm.downloads import STORE
from funland_gateway.dialects.hellovm.plugins import ENABLED, counts
from funland_gateway.dialects.models import every_model
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.rpcs import (
    GET_ACCELERATION,
    GET_CONFIGURATION,
    GET_DOWNLOAD_QUEUE,
    GET_HEALTH_REPORT,
    GET_RESOURCES,
    GET_STATUS,
    GET_STORAGE,
    LIST_DEVICES,
    LIST_PLUGINS,
)
from funland_gateway.dialects.sizes import size
from funland_gateway.dialects.times import moment

_SECTION: Final = "server."
_DEFAULT_FRACTION: Final = 0.9
"""What `Acceleration.gpu_memory_fraction` is where it is unset."""


class _Parts(NamedTuple):
    """What the parts say, in the order in which they are asked."""

    status: SystemStatus
    health: HealthReport
    resources: Resources
    devices: ListDevicesResponse
    acceleration: Acceleration
    storage: Storage
    queue: DownloadQueue
    plugins: ListPluginsResponse


_ASKS: Final = (
    GET_STATUS,
    GET_HEALTH_REPORT,
    GET_RESOURCES,
    LIST_DEVICES,
    GET_ACCELERATION,
    GET_STORAGE,
    GET_DOWNLOAD_QUEUE,
    LIST_PLUGINS,
)


def get_status(incoming: Incoming) -> Unary:
    """Asks all parts how they are, then for the models."""

    def answer(*responses: Any) -> Unary:
        parts = _Parts(*responses)

        def complete(models: Sequence[Model]) -> Reply:
            return done(incoming, _status(parts, models), "System status retrieved successfully")

        return every_model(complete)

    return asked_in_turn(_ASKS, answer)


def get_config(incoming: Incoming) -> Unary:
    """Asks for the settings, and how devices are chosen."""

    def answer(configuration: Configuration, acceleration: Acceleration) -> Reply:
        settings = {each.name: _value(each.value) for each in configuration.settings}
        primary = acceleration.primary_device_id
        threads = optional(acceleration, "cpu_threads")
        fraction = optional(acceleration, "gpu_memory_fraction")
        data = {
            "general": dict.fromkeys(("language", "theme", "auto_start", "minimize_to_tray")),
            "hardware": {
                "auto_detection": True,  # always
                "preferred_device": primary.partition("_")[0] or None,
                "acceleration_mode": mode_word(acceleration.mode),
                "cpu_threads": settings.get(f"{_SECTION}threads") if threads is None else threads,
                "gpu_memory_fraction": _DEFAULT_FRACTION if fraction is None else fraction,
            },
            "downloads": {
                "max_concurrent": settings.get(f"{_SECTION}download_jobs"),
                "max_threads": settings.get(f"{_SECTION}download_connections"),
                "download_path": STORE,
                "auto_verify": True,  # always, both
                "resume_downloads": True,
            },
            "chat": {
                "default_model": settings.get(f"{_SECTION}default_model"),
                "max_context_length": settings.get(f"{_SECTION}max_context_length"),
                "auto_save": True,  # always
                "enable_streaming": True,
            },
            "plugins": {
                "auto_load": True,  # always, both
                "sandbox_mode": True,
                "max_memory": _memory(settings.get(f"{_SECTION}plugin_memory_bytes")),
            },
        }
        return done(incoming, data, "System configuration retrieved successfully")

    settings = GetConfigurationRequest(prefix=_SECTION)
    return asked_in_turn([(GET_CONFIGURATION, settings), GET_ACCELERATION], answer)


def _status(parts: _Parts, models: Sequence[Model]) -> dict[str, Any]:
    status, queue, plugins = parts.status, parts.queue, parts.plugins.plugins
    return {
        "system": {
            "version": status.version,
            "uptime": status.uptime.seconds,
            "status": health_word(parts.health.state),
            "start_time": moment(status, "start_time"),
        },
        "hardware": _hardware(parts.devices.devices, parts.acceleration),
        "models": {
            "total_models": len(models),
            "downloaded_models": sum(1 for model in models if model.HasField("origin")),
            "active_models": len(status.loaded_models),
            "total_size": size(parts.storage.models_bytes),
        },
        "downloads": {
            "active_downloads": len(queue.active),
            "completed_downloads": queue.completed,
            "failed_downloads": queue.failed,
            "total_downloaded": size(queue.downloaded_bytes),
        },
        "performance": _performance(status.performance, parts.resources),
        "plugins": {
            "total_plugins": len(plugins),
            "enabled_plugins": counts(plugins)[ENABLED],
            "active_plugins": sum(1 for each in plugins if each.active_executions),
        },
    }


def _hardware(devices: Sequence[Device], acceleration: Acceleration) -> dict[str, Any]:
    usable = {device.device_id: device for device in devices if device.state == Device.AVAILABLE}
    used = acceleration.effective_device_ids
    return {
        "total_devices": len(devices),
        "active_devices": len(usable),
        "acceleration_enabled": any(
            each in usable and usable[each].kind != Device.CPU for each in used
        ),
        "primary_device": acceleration.primary_device_id or next(iter(used), None),
    }


def _performance(made: Performance, resources: Resources) -> dict[str, Any]:
    known = made.HasField("mean_duration")
    mean = made.mean_duration.ToTimedelta().total_seconds()
    memory = resources.memory
    return {
        "average_inference_time": round(mean, 3) if known else None,
        "tokens_per_second": rounded(made, "tokens_per_second"),
        "memory_usage": percent_of(memory.used_bytes, memory.total_bytes),
        "cpu_usage": rounded(resources.cpu, "utilization_percent"),
    }


def _memory(limit: Any) -> str | None:
    """The most that a plugin may take, as the document writes it."""
    return size(limit) if isinstance(limit, int) else None


def _value(value: Value) -> Any:
    """A setting's value: a text, a number, a switch, or None for all else."""
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case _:
            return None
