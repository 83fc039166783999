"""`health` and `metrics`: the server itself."""

from __future__ import annotations

from http import HTTPStatus

from google.api.httpbody_pb2 import HttpBody

from funland.v1.models_pb2 import Model
from funland.v1.system_pb2 import GetMetricsRequest, GetStatusRequest, Health, SystemStatus
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.rpcs import GET_METRICS, GET_STATUS
from funland_gateway.dialects.sizes import size


def get_health(_incoming: Incoming) -> Unary:
    """Asks how the server is."""
    return Unary(GET_STATUS, GetStatusRequest(), _health)


def get_metrics(_incoming: Incoming) -> Unary:
    """Asks for the metrics in Prometheus' text format."""
    return Unary(GET_METRICS, GetMetricsRequest(), _metrics)


def _health(status: SystemStatus) -> Reply:
    serving = status.state == Health.SERVING
    memory = status.memory
    return json_reply(
        {
            "status": "healthy" if serving else "stopping",
            "model_loaded": any(model.state == Model.LOADED for model in status.loaded_models),
            "memory_usage": f"{size(memory.total_bytes - memory.available_bytes)}"
            f"/{size(memory.total_bytes)}",
            "active_connections": status.active_calls,
        },
        HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _metrics(body: HttpBody) -> Reply:
    return Reply(body.data, body.content_type)
