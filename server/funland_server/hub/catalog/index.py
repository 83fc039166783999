"""The index of words: FTS5 in SQLite, `tsvector` in PostgreSQL, with the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, text

from funland.v1.hub_pb2 import HubModel
from funland_server.hub.catalog.tables import WORDS
from funland_server.hub.catalog.words import Phrase, fts5_query, tsquery, tsvector, words_of
from funland_server.storage.backend import Dialect
from funland_server.storage.connections import AsyncConnection

_DELETE: Final = {
    "sqlite": text(f"DELETE FROM {WORDS} WHERE rowid = :id"),  # noqa: S608 - a constant
    "postgresql": text(f"DELETE FROM {WORDS} WHERE id = :id"),  # noqa: S608 - a constant
}
_INSERT: Final = {
    "sqlite": text(f"INSERT INTO {WORDS} (rowid, name, text) VALUES (:id, :name, :text)"),  # noqa: S608 - a constant
    "postgresql": text(f"INSERT INTO {WORDS} (id, words) VALUES (:id, CAST(:words AS tsvector))"),  # noqa: S608 - a constant
}
_FOUND: Final = {
    "sqlite": f"SELECT rowid FROM {WORDS} WHERE {WORDS} MATCH :{{}}",  # noqa: S608 - a constant
    "postgresql": f"SELECT id FROM {WORDS} WHERE words @@ CAST(:{{}} AS tsquery)",  # noqa: S608 - a constant
}


async def index(
    connection: AsyncConnection, dialect: Dialect, entries: Sequence[tuple[int, HubModel]]
) -> None:
    """Puts the words of models in place of those that were there, by the numbers of their rows."""
    rows: list[dict[str, Any]] = []
    for number, model in entries:
        # An owner is found by the beginning of the id, and both by a part of either.
        name = words_of(f"{model.model_id} {model.display_name}")
        about = words_of(" ".join((model.model_type, *model.tags, model.description)))
        row: dict[str, Any] = {"id": number}
        if dialect == "sqlite":
            row |= {"name": " ".join(name), "text": " ".join(about)}
        else:
            row |= {"words": tsvector(name, about)}
        rows.append(row)
    if rows:
        await connection.execute(_DELETE[dialect], [{"id": row["id"]} for row in rows])
        await connection.execute(_INSERT[dialect], rows)


def finds(dialect: Dialect, phrases: Sequence[Phrase], *, few: bool = False) -> ColumnElement[bool]:
    """Whether a model has all words of a search; `few` is a hint that not many have."""
    asked = fts5_query(phrases) if dialect == "sqlite" else tsquery(phrases)
    return _condition(dialect, ("asked", asked), "IN", few=few)


def finds_by_name(
    dialect: Dialect, phrases: Sequence[Phrase], *, right: bool = True
) -> ColumnElement[bool]:
    """Whether it has all of them in its name: such come first. Not `right` is that it has not."""
    if dialect == "sqlite":
        asked = fts5_query(phrases, column="name")
    else:
        asked = tsquery(phrases, weight="A")
    return _condition(dialect, ("by_name", asked), "IN" if right else "NOT IN", few=False)


def _condition(
    dialect: Dialect, asked: tuple[str, str], among: str, *, few: bool
) -> ColumnElement[bool]:
    # With the sign SQLite reads the models in their order, and stops when it has a page of them;
    # without it reads those that were found, and sorts them.
    number = "hub_models.id" if few or dialect == "postgresql" else "+hub_models.id"
    name, value = asked
    condition: Any = text(f"{number} {among} ({_FOUND[dialect].format(name)})")
    return condition.bindparams(bindparam(name, value))
