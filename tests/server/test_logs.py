"""One event a line, in the form that was asked for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import aiosqlite
import pytest
import structlog

from funland_server import logs
from funland_server.config import ServerSettings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is the process's: each test gives it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_json_lines_carry_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(ServerSettings(log_format="json"))
    structlog.contextvars.bind_contextvars(request_id="call-1")

    structlog.get_logger("a").info("one\ntwo", model="m")
    logging.getLogger("b").warning("from the %s", "library")

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["model"], ours["level"]) == ("one\ntwo", "m", "info")
    assert (theirs["event"], theirs["logger"]) == ("from the library", "b")
    assert ours["request_id"] == theirs["request_id"] == "call-1"
    assert ours["timestamp"].endswith("Z")


def test_an_exception_is_one_json_line_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(ServerSettings(log_format="json"))

    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger("a").exception("failed")

    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: no" in json.loads(line)["exception"]


def test_less_than_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(ServerSettings(log_level="warning"))

    structlog.get_logger("a").info("quiet")
    structlog.get_logger("a").warning("loud")

    written = capsys.readouterr().err
    assert "loud" in written
    assert "quiet" not in written


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_does_not_tell_what_callers_sent(
    capsys: pytest.CaptureFixture[str], form: Literal["text", "json"]
) -> None:
    logs.configure(ServerSettings(log_format=form))
    prompt = "a " + "secret"

    try:
        int(prompt[:1])
    except ValueError:
        logging.getLogger("grpc").exception("failed")

    written = capsys.readouterr().err
    assert "ValueError" in written
    assert prompt not in written


def test_at_no_level_are_stored_values_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(ServerSettings(log_level="debug"))

    async def store() -> None:
        async with aiosqlite.connect(tmp_path / "database") as database:
            await database.execute("SELECT ?", ("a caller's words",))

    asyncio.run(store())
    structlog.get_logger("a").debug("told")

    written = capsys.readouterr().err
    assert "told" in written
    assert "a caller's words" not in written
