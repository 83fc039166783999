"""`funland nodes`: the machines that hold models."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import typer

from funland.v1.nodes_pb2 import Node
from funland_cli import options
from funland_cli.documents import document
from funland_cli.output import size
from funland_cli.views import ago, word

EPILOG = """\b
Examples:
  funland nodes
  funland nodes local
  funland nodes --all
"""

_COLUMNS: Final = (
    "NODE",
    "NAME",
    "ADDRESS",
    "STATE",
    ">CPUS",
    ">GPUS",
    ">FREE",
    ">MEMORY",
    "MODELS",
)


def nodes(
    context: typer.Context,
    *,
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="All that is known of this one.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are gone too.")] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the machines that hold models, or show one."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        if node is not None:
            found = client.nodes.get(node)
            if session.output.as_json:
                session.output.document(document(found))
            else:
                session.output.pairs(_all_of(found, datetime.now(UTC)))
            return
        listed = client.nodes.list(dead=every)
    if session.output.as_json:
        session.output.document({"nodes": [document(each) for each in listed]})
    else:
        session.output.table(_COLUMNS, map(_row, listed))


def _row(node: Node) -> tuple[str, ...]:
    return (
        node.node_id,
        node.name + (" (the server's)" if node.local else ""),
        node.address,
        word(Node.State, node.state),
        _number(node, "cpus"),
        _number(node, "gpus"),
        size(node.memory_available_bytes),
        size(node.memory_total_bytes),
        ", ".join(node.model_ids),
    )


def _all_of(node: Node, now: datetime) -> Iterator[tuple[str, str]]:
    yield "node", node.node_id
    yield "name", node.name
    yield "address", node.address
    yield "state", word(Node.State, node.state)
    yield "server", "runs here" if node.local else ""
    yield "processors", _number(node, "cpus")
    yield "GPUs", _number(node, "gpus")
    if node.HasField("memory_total_bytes"):
        free, total = size(node.memory_available_bytes), size(node.memory_total_bytes)
        yield "memory", f"{free} of {total} free"
    yield "models", ", ".join(node.model_ids)
    if node.HasField("last_seen_time"):
        yield "seen", ago(node.last_seen_time, now)
    for name, value in node.labels.items():
        yield f"label {name}", value


def _number(node: Node, field: Literal["cpus", "gpus"]) -> str:
    return f"{getattr(node, field):g}" if node.HasField(field) else ""
