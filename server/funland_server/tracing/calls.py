"""What the span of an RPC says; the names are those of OpenTelemetry's conventions."""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor import MethodDescriptor

from funland_server.tracing.spans import Value

STATUS: Final = "rpc.response.status_code"
REQUEST_ID: Final = "funland.request_id"
_OURS: Final = (
    "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
)  # fmt: skip


def span_name(method: MethodDescriptor) -> str:
    """The RPC's name: `funland.v1.ModelService/GetModel`."""
    return f"{method.containing_service.full_name}/{method.name}"


def begun(method: MethodDescriptor, request_id: str) -> dict[str, Value]:
    """What it says from its beginning on."""
    return {"rpc.system.name": "grpc", "rpc.method": span_name(method), REQUEST_ID: request_id}


def is_fault(code: str) -> bool:
    """Whether a status, by name, says that the server has failed, and not the caller."""
    return code in _OURS
