"""JSON Schemas of what the `hellovm` dialect tells of hardware and system."""

from __future__ import annotations

from typing import Final

from funland.v1.hardware_pb2 import Acceleration
from funland_gateway.dialects.health import HEALTH_WORDS
from funland_gateway.dialects.hellovm.acceleration import MODES, POWER_MODES
from funland_gateway.dialects.hellovm.answers import done_schema
from funland_gateway.dialects.hellovm.hardware import STATES
from funland_gateway.dialects.hellovm.merits import EFFICIENCIES, LEVELS
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_FIELDS = Acceleration.DESCRIPTOR.fields_by_name
_SECONDARY = field_schema(_FIELDS["secondary_device_ids"])

_ABSENT = "Always null: Funland has nothing of the kind."
_NO_TEXT = described(nullable(STRING), _ABSENT)
_NO_SWITCH = described(nullable(BOOLEAN), _ABSENT)
_ALWAYS = described(BOOLEAN, "Always true.")
_BYTES = described(nullable(INTEGER), "In bytes.")
_PERCENT = described(nullable(NUMBER), "Of 100.")
_DEGREES = described(nullable(NUMBER), "In degrees Celsius.")
_MHZ = described(nullable(INTEGER), "In MHz.")
_WATTS = described(nullable(NUMBER), "In watts.")
_EFFICIENCY = described(
    nullable(one_of_values(*EFFICIENCIES)),
    "Tokens a joule, compared with the CPU. Null: not measured.",
)
_MODE = one_of_values(*MODES)

_DEVICE = object_with(
    {
        "id": STRING,
        "type": described(STRING, "`cpu`, `nvidia_gpu`, `intel_gpu`, `intel_npu`, ..."),
        "name": nullable(STRING),
        "vendor": nullable(STRING),
        "architecture": nullable(STRING),
        "cores": described(nullable(INTEGER), "Of a CPU, as the next."),
        "threads": nullable(INTEGER),
        "base_frequency": _MHZ,
        "max_frequency": _MHZ,
        "memory_total": _BYTES,
        "memory_available": _BYTES,
        "utilization": _PERCENT,
        "temperature": _DEGREES,
        "driver_version": nullable(STRING),
        "supported_instructions": described(array_of(STRING), "Of a CPU."),
        "acceleration_technology": described(
            nullable(STRING), "What computes there: `CUDA`, `Vulkan`, `OpenVINO`. Null for a CPU."
        ),
        "acceleration_support": described(BOOLEAN, "Whether models can be computed on it."),
        "performance_level": described(
            nullable(one_of_values(*LEVELS)), "Compared with the CPU. Null: not measured."
        ),
        "power_efficiency": _EFFICIENCY,
        "status": one_of_values(*STATES.values()),
        "details": described({"type": "object"}, "With `detailed` alone."),
    }
)

DEVICES: Final = done_schema(
    object_with(
        {
            "devices": array_of(_DEVICE),
            "acceleration_recommendations": described(
                array_of(
                    object_with(
                        {
                            "device_id": STRING,
                            "reason": STRING,
                            "estimated_performance_gain": described(
                                nullable(NUMBER), "Times the CPU's. Null: not measured."
                            ),
                        }
                    )
                ),
                "The best first.",
            ),
            "problems": described(
                array_of(object_with({"reader": STRING, "message": STRING})),
                "What could not be read.",
            ),
        }
    )
)

METRICS: Final = done_schema(
    object_with(
        {
            "device_id": STRING,
            "timestamp": nullable(TIME),
            "metrics": object_with(
                {
                    "utilization": _PERCENT,
                    "memory_used": _BYTES,
                    "memory_total": _BYTES,
                    "memory_percent": _PERCENT,
                    "temperature": _DEGREES,
                    "power_draw": _WATTS,
                    "power_limit": _WATTS,
                    "clock_speed": _MHZ,
                    "memory_clock": _MHZ,
                    "fan_speed": _PERCENT,
                }
            ),
            "history": described(
                array_of(
                    object_with(
                        {
                            "timestamp": nullable(TIME),
                            "utilization": _PERCENT,
                            "temperature": _DEGREES,
                            "memory_percent": _PERCENT,
                        }
                    )
                ),
                "One every 10 seconds, the newest first.",
            ),
        }
    )
)

ACCELERATION_REQUEST: Final = body_with(
    {
        "primary_device": described(
            field_schema(_FIELDS["primary_device_id"]),
            "Such as `gpu_0`. Empty: chosen by the mode.",
        ),
        "secondary_devices": any_of(_SECONDARY["items"], _SECONDARY),
        "acceleration_mode": {**one_of_values("", *MODES), "default": "auto"},
        "config": body_with(
            {
                "cpu_threads": field_schema(_FIELDS["cpu_threads"]),
                "gpu_memory_fraction": field_schema(_FIELDS["gpu_memory_fraction"]),
                "npu_power_mode": one_of_values("", *POWER_MODES),
            }
        ),
    }
)

ACCELERATION: Final = done_schema(
    object_with(
        {
            "primary_device": nullable(STRING),
            "secondary_devices": array_of(STRING),
            "acceleration_mode": _MODE,
            "status": described(
                one_of_values("active", "inactive"), "Whether a load would take the primary device."
            ),
            "estimated_performance": object_with(
                {
                    "tokens_per_second": described(
                        nullable(NUMBER), "As measured, of one stream. Null: not measured."
                    ),
                    "memory_usage": described(
                        nullable(STRING), "Always null: nothing measures it."
                    ),
                    "power_efficiency": _EFFICIENCY,
                }
            ),
        }
    )
)

STATUS: Final = done_schema(
    object_with(
        {
            "system": object_with(
                {
                    "version": STRING,
                    "uptime": described(INTEGER, "Seconds."),
                    "status": one_of_values(*HEALTH_WORDS),
                    "start_time": nullable(TIME),
                }
            ),
            "hardware": object_with(
                {
                    "total_devices": INTEGER,
                    "active_devices": described(INTEGER, "Those that can be computed on."),
                    "acceleration_enabled": described(
                        BOOLEAN, "Whether a load would take another device than the CPU."
                    ),
                    "primary_device": nullable(STRING),
                }
            ),
            "models": object_with(
                {
                    "total_models": described(INTEGER, "Those that are installed."),
                    "downloaded_models": described(INTEGER, "Of these, those that a hub had."),
                    "active_models": described(INTEGER, "Of these, those in memory."),
                    "total_size": described(STRING, "Such as `45.2GB`."),
                }
            ),
            "downloads": object_with(
                {
                    "active_downloads": INTEGER,
                    "completed_downloads": INTEGER,
                    "failed_downloads": INTEGER,
                    "total_downloaded": STRING,
                }
            ),
            "performance": object_with(
                {
                    "average_inference_time": described(
                        nullable(NUMBER), "Seconds. Null: there was no call yet."
                    ),
                    "tokens_per_second": nullable(NUMBER),
                    "memory_usage": _PERCENT,
                    "cpu_usage": _PERCENT,
                }
            ),
            "plugins": object_with(
                {
                    "total_plugins": INTEGER,
                    "enabled_plugins": described(INTEGER, "Those that may be executed."),
                    "active_plugins": described(INTEGER, "Those that are executed now."),
                }
            ),
        }
    )
)

CONFIG: Final = done_schema(
    object_with(
        {
            "general": object_with(
                {
                    "language": _NO_TEXT,
                    "theme": _NO_TEXT,
                    "auto_start": _NO_SWITCH,
                    "minimize_to_tray": _NO_SWITCH,
                }
            ),
            "hardware": object_with(
                {
                    "auto_detection": _ALWAYS,
                    "preferred_device": described(
                        nullable(STRING), "The primary device's kind: `cpu`, `gpu` or `npu`."
                    ),
                    "acceleration_mode": _MODE,
                    "cpu_threads": described(nullable(INTEGER), "Null: by the model's size."),
                    "gpu_memory_fraction": NUMBER,
                }
            ),
            "downloads": object_with(
                {
                    "max_concurrent": nullable(INTEGER),
                    "max_threads": nullable(INTEGER),
                    "download_path": STRING,
                    "auto_verify": _ALWAYS,
                    "resume_downloads": _ALWAYS,
                }
            ),
            "chat": object_with(
                {
                    "default_model": nullable(STRING),
                    "max_context_length": nullable(INTEGER),
                    "auto_save": _ALWAYS,
                    "enable_streaming": _ALWAYS,
                }
            ),
            "plugins": object_with(
                {
                    "auto_load": _ALWAYS,
                    "sandbox_mode": _ALWAYS,
                    "max_memory": described(nullable(STRING), "Such as `1.1GB`."),
                }
            ),
        }
    )
)
