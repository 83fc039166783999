"""`health` and `metrics`: the server itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from google.api.httpbody_pb2 import HttpBody

from funland.v1.models_pb2 import Model
from funland.v1.system_pb2 import GetMetricsRequest, SystemStatus
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.health import ask_health
from funland_gateway.dialects.rpcs import GET_METRICS
from funland_gateway.dialects.sizes import size

_MORE: Final = ("model_loaded", "memory_usage", "active_connections")


def get_health(incoming: Incoming) -> Unary:
    """Asks how the server is."""
    return ask_health(incoming, _health)


def get_metrics(_incoming: Incoming) -> Unary:
    """Asks for the metrics in Prometheus' text format."""
    return Unary(GET_METRICS, GetMetricsRequest(), _metrics)


def _health(word: str, how: HTTPStatus, status: SystemStatus | None) -> Reply:
    told: dict[str, Any] = dict.fromkeys(_MORE) if status is None else _more(status)
    return json_reply({"status": word, **told}, how)


def _more(status: SystemStatus) -> dict[str, Any]:
    memory = status.memory
    used = memory.total_bytes - memory.available_bytes
    loaded = any(model.state == Model.LOADED for model in status.loaded_models)
    values = (loaded, f"{size(used)}/{size(memory.total_bytes)}", status.active_calls)
    return dict(zip(_MORE, values, strict=True))


def _metrics(body: HttpBody) -> Reply:
    return Reply(body.data, body.content_type)
