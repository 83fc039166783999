"""How a database finds what a query asks for: what both kinds tell, in the same words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Plan:
    """The indexes that are walked, and what else there is to do."""

    indexes: frozenset[str]
    sorts: bool = False
    reads_all: bool = False
    """Whether a table is read from its beginning to its end."""


async def plan(database: Database, query: Any) -> Plan:
    """The database's own plan for a query; PostgreSQL's is for the rows that are there."""

    async def explain(connection: AsyncConnection) -> Plan:
        words = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        if database.dialect == "sqlite":
            steps = await connection.execute(text(f"EXPLAIN QUERY PLAN {words}"))
            return _sqlites([step.detail for step in steps])
        await connection.execute(text("ANALYZE"))
        found: Any = await connection.scalar(text(f"EXPLAIN (FORMAT JSON) {words}"))
        return _postgresqls(json.loads(found) if isinstance(found, str) else found)

    return await database.write(explain)


def _sqlites(steps: list[str]) -> Plan:
    return Plan(
        frozenset(re.findall(r"USING (?:COVERING )?INDEX (\w+)", "\n".join(steps))),
        sorts=any(step.startswith("USE TEMP B-TREE") for step in steps),
        reads_all=any(re.fullmatch(r"SCAN \w+", step) for step in steps),
    )


def _postgresqls(plans: Any) -> Plan:
    nodes = list(_nodes(plans[0]["Plan"]))
    return Plan(
        frozenset(node["Index Name"] for node in nodes if "Index Name" in node),
        sorts=any("Sort" in node["Node Type"] for node in nodes),
        reads_all=any(node["Node Type"] == "Seq Scan" for node in nodes),
    )


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _nodes(inner)
