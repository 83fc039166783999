"""JSON Schemas of the `platform` dialect's bodies."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.schemas import (
    INTEGER,
    NUMBER,
    STRING,
    array_of,
    described,
    nullable,
    object_with,
)

GPUS: Final = object_with(
    {
        "total_gpus": INTEGER,
        "total_memory_mb": described(
            nullable(INTEGER), "In units of 2^20 bytes. Null: not known of all."
        ),
        "used_memory_mb": nullable(INTEGER),
        "avg_utilization": described(nullable(NUMBER), "Of those that tell it. Null: none does."),
        "metrics": array_of(
            object_with(
                {
                    "gpu_id": described(nullable(INTEGER), "As in `gpu_0`."),
                    "name": nullable(STRING),
                    "total_memory_mb": nullable(INTEGER),
                    "used_memory_mb": nullable(INTEGER),
                    "utilization_percent": nullable(NUMBER),
                    "temperature_c": nullable(NUMBER),
                    "power_watts": nullable(NUMBER),
                }
            )
        ),
    }
)
