"""The schema: how it is made, taken over, changed, and left alone."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import funland_server.app
import tools.schema
from funland_server.errors import StartError
from funland_server.hub.catalog.tables import WORDS
from funland_server.storage import standing
from funland_server.storage.backend import Backend
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.migrating import SCRIPTS, migrate
from funland_server.storage.postgresql import PostgreSQL
from funland_server.storage.schema import schema
from funland_server.storage.sqlite import SQLite
from funland_server.storage.standing import SCRIPT
from tests.server.storage.test_database import add, ask, names

NUMBERED = Path(__file__).parent / "numbered_scripts"
"""The scripts of versions before Alembic, as they were."""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty one: others' have their tables already."""
    if request.param == "sqlite":
        return tmp_path / "home" / "funland.sqlite3"
    return request.getfixturevalue("postgresql").database()


@pytest.fixture
def backend(place: Path | str) -> Backend:
    return SQLite(place) if isinstance(place, Path) else PostgreSQL(place)


def revisions() -> list[Any]:
    """From the oldest to the newest."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return list(ScriptDirectory.from_config(config).walk_revisions())[::-1]


def test_revisions_are_numbered_without_holes_one_after_the_other() -> None:
    found = revisions()

    numbers = [f"{number:04}" for number in range(1, len(found) + 1)]
    assert [script.revision for script in found] == numbers
    assert [script.down_revision for script in found] == [None, *numbers[:-1]]
    assert [Path(script.path).name.partition("_")[0] for script in found] == numbers


def is_declared(name: str | None, kind: str, parents: Any) -> bool:
    """The index of words is each database's own, and its tables are no domain's."""
    return not (kind == "table" and (name or "").startswith(WORDS))


async def test_the_revisions_make_the_tables_that_the_domains_declare(backend: Backend) -> None:
    assert funland_server.app  # it imports the tables of every domain

    def differences(connection: Connection) -> Any:
        migrate(connection)
        options = {"include_name": is_declared}
        return compare_metadata(MigrationContext.configure(connection, opts=options), schema)

    async with backend.migrating() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_script_for_empty_homes_is_what_the_revisions_make() -> None:
    """If not: `python -m tools.schema` writes it anew."""
    assert SCRIPT.read_text("utf-8") == await tools.schema.script()


async def test_an_empty_home_becomes_by_the_script_what_it_becomes_by_the_revisions(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "by script")
    await database.open()
    await database.close()

    async with SQLite(tmp_path / "by revisions").migrating() as connection:
        await connection.run_sync(migrate)

    with (
        closing(sqlite3.connect(tmp_path / "by script")) as made,
        closing(sqlite3.connect(tmp_path / "by revisions")) as migrated,
    ):
        assert columns(made, "main") == columns(migrated, "main")
        version = "SELECT * FROM alembic_version"
        assert made.execute(version).fetchall() == migrated.execute(version).fetchall()


async def test_a_home_made_by_an_older_script_sees_the_revisions_that_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "older.sql"
    text_of_it = (NUMBERED / "0001_responses.sql").read_text("utf-8").replace(";", "\n\n")
    older.write_text(
        text_of_it + "\n\nCREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"
        "\n\nINSERT INTO alembic_version VALUES ('0001')\n"
    )
    monkeypatch.setattr(standing, "SCRIPT", older)
    database = Database(tmp_path / "home" / "funland.sqlite3")

    await database.open()

    query = text("SELECT version_num FROM alembic_version")
    assert await ask(database, query) == [revisions()[-1].revision]
    assert "state" in await column_names(database)
    await database.close()


def numbered_home(path: Path, *scripts: str) -> None:
    """Makes a database as versions before Alembic did, with two responses and their metadata."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "CREATE TABLE migrations (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)"
        )
        for script in scripts:
            old.executescript((NUMBERED / f"{script}.sql").read_text("utf-8"))
            number, _, name = script.partition("_")
            old.execute("INSERT INTO migrations VALUES (?, ?)", (int(number), name))
        for name in ("one", "two"):
            old.execute(
                "INSERT INTO responses (response_id, create_time, input, output, response)"
                " VALUES (?, 7, x'01', x'02', x'03')",
                (name,),
            )
        old.commit()


@pytest.mark.parametrize(
    "scripts", [("0001_responses",), ("0001_responses", "0002_found_responses")]
)
async def test_a_home_from_before_alembic_is_taken_over_with_all_that_it_has(
    tmp_path: Path, scripts: tuple[str, ...]
) -> None:
    path = tmp_path / "home" / "funland.sqlite3"
    numbered_home(path, *scripts)

    for _ in range(2):  # the second start finds it taken over
        database = Database(path)
        await database.open()
        query = text("SELECT count(*) FROM responses WHERE state = 2 AND input = x'01'")
        assert await ask(database, query) == [2]
        await database.close()

    with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(":memory:")) as fresh:
        async with SQLite(tmp_path / "fresh").migrating() as connection:
            await connection.run_sync(migrate)
        fresh.execute("ATTACH ? AS fresh", (str(tmp_path / "fresh"),))
        assert columns(new, "main") == columns(fresh, "fresh")
        assert new.execute("SELECT * FROM alembic_version").fetchall() == [
            (revisions()[-1].revision,)
        ]


def columns(file: sqlite3.Connection, name: str) -> Any:
    """Tables, indexes and columns, without the words in which they were made."""
    rows = file.execute(f"SELECT type, name, tbl_name FROM {name}.sqlite_master").fetchall()  # noqa: S608 - ours
    return sorted(rows), [
        file.execute(f"PRAGMA {name}.table_info({table})").fetchall()
        for kind, table, _ in sorted(rows)
        if kind == "table"
    ]


async def test_a_database_of_a_newer_version_stops_the_start(place: Path | str) -> None:
    database = Database(place)
    await database.open()

    async def mark(connection: AsyncConnection) -> None:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await database.write(mark)
    await database.close()

    with pytest.raises(StartError, match="newer version"):
        await Database(place).open()


async def test_a_numbered_home_of_a_newer_version_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "home" / "funland.sqlite3"
    numbered_home(path, "0001_responses")
    with closing(sqlite3.connect(path)) as old:
        old.execute("INSERT INTO migrations VALUES (999, 'from_the_future')")
        old.commit()

    with pytest.raises(StartError, match="newer version"):
        await Database(path).open()


async def test_servers_that_start_at_once_take_a_home_over_once(tmp_path: Path) -> None:
    path = tmp_path / "home" / "funland.sqlite3"
    numbered_home(path, "0001_responses")
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode = WAL")
    databases = [Database(path) for _ in range(3)]

    await asyncio.gather(*(database.open() for database in databases))

    assert [await names(database) for database in databases] == [["one", "two"]] * 3
    for database in databases:
        await database.close()


NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "{number:04}"
down_revision = "{before:04}"


def upgrade() -> None:
    {body}
"""
REBUILD = """
    with op.batch_alter_table("responses") as batch:
        batch.alter_column("model", new_column_name="answered_by")
"""
FAIL = """
    op.add_column("responses", sa.Column("half", sa.Text))
    op.execute("INSERT INTO nowhere VALUES (1)")
"""
ORPHAN = """
    op.execute("DELETE FROM responses")
"""


def with_next(folder: Path, body: str) -> str:
    """Our revisions, and one more."""
    ours = resources.files("funland_server.storage") / "migrations"
    with resources.as_file(ours) as path:
        shutil.copytree(path, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = int(revisions()[-1].revision)
    script = NEXT.format(number=before + 1, before=before, body=body.strip())
    (folder / "versions" / f"{before + 1:04}_next.py").write_text(script)
    return str(folder)


async def filled(place: Path | str) -> None:
    """A database with a response that has metadata."""
    database = Database(place)
    await database.open()
    await add(database, "one")

    async def tag(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO response_metadata VALUES ('one', 'a', 'b')"))

    await database.write(tag)
    await database.close()


async def test_a_table_that_is_made_anew_keeps_the_rows_that_refer_to_it(
    place: Path | str, backend: Backend, tmp_path: Path
) -> None:
    await filled(place)

    async with backend.migrating() as connection:
        await connection.run_sync(migrate, with_next(tmp_path / "scripts", REBUILD))

    async with backend.migrating() as connection:
        found = await connection.scalar(text("SELECT count(*) FROM response_metadata"))
        assert found == 1


async def test_a_migration_that_fails_is_undone_whole(
    place: Path | str, backend: Backend, tmp_path: Path
) -> None:
    await filled(place)

    with pytest.raises(Exception, match="nowhere"):
        async with backend.migrating() as connection:
            await connection.run_sync(migrate, with_next(tmp_path / "scripts", FAIL))

    database = Database(place)
    await database.open()
    assert await names(database) == ["one"]
    assert "half" not in await column_names(database)
    query = text("SELECT version_num FROM alembic_version")
    assert await ask(database, query) == [revisions()[-1].revision]
    await database.close()


async def column_names(database: Database) -> list[str]:
    async def find(connection: AsyncConnection) -> list[str]:
        return await connection.run_sync(
            lambda sync: [column["name"] for column in inspect(sync).get_columns("responses")]
        )

    return await database.read(find)


async def test_a_migration_that_leaves_rows_without_their_parents_is_undone(
    tmp_path: Path,
) -> None:
    """SQLite's keys are off while it migrates; PostgreSQL's never are."""
    path = tmp_path / "home" / "funland.sqlite3"
    await filled(path)

    with pytest.raises(RuntimeError, match="response_metadata"):
        async with SQLite(path).migrating() as connection:
            await connection.run_sync(migrate, with_next(tmp_path / "scripts", ORPHAN))

    database = Database(path)
    await database.open()
    assert await names(database) == ["one"]
    await database.close()
