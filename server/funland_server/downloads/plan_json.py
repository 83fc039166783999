"""A plan as the database keeps it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

import orjson

from funland.v1.models_pb2 import Origin
from funland_server.downloads.plan import Plan, PlannedFile


def to_json(plan: Plan) -> bytes:
    """The plan as JSON."""
    return orjson.dumps(
        {
            "origin": b64encode(plan.origin.SerializeToString()).decode(),
            "format": plan.format,
            "quantization": plan.quantization,
            "files": [asdict(file) for file in plan.files],
            "model_id": plan.model_id,
            "reason": plan.reason,
        }
    )


def from_json(text: bytes) -> Plan:
    """The plan of such JSON."""
    values: dict[str, Any] = orjson.loads(text)
    files: list[dict[str, Any]] = values.pop("files")
    return Plan(
        origin=Origin.FromString(b64decode(values.pop("origin"))),
        files=tuple(PlannedFile(urls=tuple(file.pop("urls")), **file) for file in files),
        **values,
    )
