"""JSON Schemas of what the `manager` dialect tells of the machine."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.health import HEALTH_WORDS
from funland_gateway.dialects.manager.answers import done_schema
from funland_gateway.dialects.manager.machine import SPANS
from funland_gateway.dialects.schemas import (
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    described,
    nullable,
    object_with,
    one_of_values,
)

_PERCENT = described(nullable(NUMBER), "Of 100.")
_PRESSURE = described(nullable(NUMBER), "Of the last 10 seconds. Null: the kernel does not tell.")
_HEALTH = one_of_values(*HEALTH_WORDS)

RESOURCES: Final = done_schema(
    object_with(
        {
            "cpu": object_with(
                {
                    "usage_percent": described(nullable(NUMBER), "Null: not measured yet."),
                    "cores": described(INTEGER, "Those that the server may run on."),
                }
            ),
            "memory": object_with(
                {
                    "total_gb": described(NUMBER, "In units of 10^9 bytes, as all others."),
                    "used_gb": NUMBER,
                    "available_gb": NUMBER,
                    "usage_percent": _PERCENT,
                }
            ),
            "disk": described(
                object_with(
                    {
                        "total_gb": nullable(NUMBER),
                        "used_gb": nullable(NUMBER),
                        "free_gb": nullable(NUMBER),
                        "usage_percent": _PERCENT,
                    }
                ),
                "The one that models are on.",
            ),
        }
    )
)

LOAD: Final = done_schema(
    object_with(
        {
            "load_average": object_with(dict.fromkeys(SPANS, nullable(NUMBER))),
            "load_percent": described(
                object_with(dict.fromkeys(SPANS, nullable(NUMBER))),
                "The same by the hardware threads that the server may use.",
            ),
            "pressure": object_with(
                {
                    "cpu_percent": _PRESSURE,
                    "memory_percent": _PRESSURE,
                    "io_percent": _PRESSURE,
                }
            ),
            "active_requests": INTEGER,
            "active_sequences": described(INTEGER, "Texts that are computed now."),
            "waiting_sequences": INTEGER,
            "active_downloads": INTEGER,
        }
    )
)

SYSTEM_HEALTH: Final = done_schema(
    object_with(
        {
            "status": described(_HEALTH, "The worst of the components'."),
            "components": {
                "type": "object",
                "additionalProperties": object_with(
                    {
                        "status": _HEALTH,
                        "message": described(nullable(STRING), "What is wrong, and what to do."),
                    }
                ),
            },
            "checked_at": nullable(TIME),
        }
    )
)
