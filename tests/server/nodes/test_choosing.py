"""On which machine a model is held."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from funland.v1.nodes_pb2 import Node as NodeMessage
from funland_server.errors import FunlandError
from funland_server.nodes.choosing import choose
from funland_server.nodes.errors import ClusterUnreachableError, NodeNotFoundError
from funland_server.nodes.node import Node, State, standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def node(
    node_id: str,
    free: int | None = 100,
    *,
    state: State = NodeMessage.ALIVE,
    problem: str = "",
) -> Node:
    return Node(
        node_id, node_id, "10.0.0.9", state, NOW,
        local=node_id == "local", memory_available_bytes=free, problem=problem,
    )  # fmt: skip


def unavailable(node_id: str, why: str) -> ClusterUnreachableError:
    return ClusterUnreachableError("10.0.0.9", why, node_id)


LOCAL, A, B = node("local"), node("a"), node("b")
SUSPECT, DEAD = node("s", state=NodeMessage.SUSPECT), node("d", state=NodeMessage.DEAD)
OLD, UNKNOWN = node("o", problem="it has Funland 0.0.1, and the server 0.1.0"), node("u", None)


@pytest.mark.parametrize(
    ("nodes", "asked", "needed", "held", "expected"),
    [
        ([LOCAL], "", 10, {}, "local"),
        ([LOCAL], "", 1000, {}, "local"),
        ([LOCAL, A], "", 10, {}, "local"),
        ([LOCAL, A], "", 10, {"local": 1}, "a"),
        ([LOCAL, A], "", 10, {"local": 1, "a": 1}, "local"),
        ([LOCAL, B, A], "", 10, {"local": 2, "a": 1, "b": 1}, "a"),
        ([LOCAL, B, A], "", 10, {"local": 2, "a": 2, "b": 1}, "b"),
        ([node("local", 5), A], "", 10, {"a": 7}, "a"),
        ([node("local", 5), node("a", 9)], "", 10, {}, "local"),
        ([LOCAL, node("a", 9), B], "", 10, {"local": 1}, "b"),
        ([LOCAL, A], "", 0, {"local": 1}, "a"),
        ([LOCAL, UNKNOWN], "", 10, {"local": 3}, "local"),
        ([LOCAL, SUSPECT, DEAD, OLD], "", 10, {"local": 3}, "local"),
        ([LOCAL, A], "a", 10, {"a": 9}, "a"),
        ([LOCAL, A], "local", 10, {"local": 9}, "local"),
        ([LOCAL, UNKNOWN], "u", 10, {}, "u"),
        ([LOCAL, node("a", 9)], "a", 10, {}, "a"),
        ([LOCAL, A], "b", 10, {}, NodeNotFoundError("b")),
        ([LOCAL, SUSPECT], "s", 10, {}, unavailable("s", "it does not answer")),
        ([LOCAL, DEAD], "d", 10, {}, unavailable("d", "it is gone")),
        ([LOCAL, OLD], "o", 10, {}, unavailable("o", OLD.problem)),
    ],
)  # fmt: skip
def test_the_node_of_a_model(
    nodes: list[Node],
    asked: str,
    needed: int,
    held: Mapping[str, int],
    expected: str | FunlandError,
) -> None:
    if isinstance(expected, str):
        assert choose(nodes, asked, needed, held).node_id == expected
        return
    with pytest.raises(type(expected)) as raised:
        choose(nodes, asked, needed, held)
    assert raised.value.to_wire() == expected.to_wire()


@pytest.mark.parametrize(
    ("alive", "suspect", "expected"),
    [
        (True, False, NodeMessage.ALIVE),
        (True, True, NodeMessage.SUSPECT),
        (False, False, NodeMessage.DEAD),
        (False, True, NodeMessage.DEAD),
    ],
)
def test_where_a_node_stands(*, alive: bool, suspect: bool, expected: State) -> None:
    assert standing(alive=alive, suspect=suspect) == expected
