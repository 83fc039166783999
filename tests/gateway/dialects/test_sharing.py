"""What dialects have in common on one port."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from funland.v1.system_pb2 import Health, MachineMemory, SystemStatus
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.inference.routes import INFERENCE
from funland_gateway.dialects.manager.routes import MANAGER
from funland_gateway.dialects.sharing import joint_routes
from tests.gateway.dialects.asked import asked, call, told

STATUS = SystemStatus(
    state=Health.SERVING,
    version="0.1.0",
    active_calls=3,
    memory=MachineMemory(total_bytes=8_000_000_000, available_bytes=6_000_000_000),
)


def shared(*dialects: Any) -> Any:
    (found,) = [
        (dialect, route) for dialect, route in joint_routes(dialects) if route.path == "/health"
    ]
    return found


def test_health_has_the_fields_of_both() -> None:
    owner, route = shared(INFERENCE, MANAGER)

    assert owner is INFERENCE
    assert told(call(route, asked()), Health(), STATUS) == {
        "status": "healthy",
        "model_loaded": False,
        "memory_usage": "2GB/8GB",
        "active_connections": 3,
        "service": "llm-manager-api",
        "version": "0.1.0",
    }


def test_what_is_documented_of_it_is_what_it_tells() -> None:
    _, route = shared(INFERENCE, MANAGER)

    assert set(route.response_schema["properties"]) == set(
        told(call(route, asked()), Health(), STATUS)
    )


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_alone_has_its_own_routes(dialect: Any) -> None:
    assert [route for _, route in joint_routes([dialect])] == list(dialect.routes)


def test_no_path_is_there_twice() -> None:
    keys = [(route.method, route.path) for _, route in joint_routes(DIALECTS)]

    assert len(keys) == len(set(keys))
    assert set(keys) == {(r.method, r.path) for dialect in DIALECTS for r in dialect.routes}


def test_two_answers_of_different_calls_are_no_one() -> None:
    (search,) = [route for route in MANAGER.routes if route.path == "/api/models/search"]
    search = replace(search, path="/health")
    _, route = shared(INFERENCE, replace(MANAGER, routes=(search,)))

    with pytest.raises(TypeError, match="/health"):
        route.call(asked())
