"""What takes long to import is not imported by who has no use for it: a short start is kept short.

Which of it costs how much: `make bench-start`.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.cli.conftest import Command

NOT_FOR_HELP: Final = {
    *("funland", "funland_client", "funland_server", "funland_gateway", "funland_worker"),
    *("aiohttp", "asyncio", "google", "grpc", "importlib.metadata", "pydantic", "rich"),
    *("sqlalchemy", "structlog"),
}
NOT_FOR_A_START: Final = {
    # A start needs none of its rules, and an order of SQLite none of PostgreSQL.
    *("alembic", "asyncpg", "sqlalchemy.dialects.postgresql"),
    # All queries are Core's.
    *("sqlalchemy.orm", "sqlalchemy.ext"),
    # What computes is in the workers; vectors are written when there are any.
    *("numpy", "llama_cpp", "openvino", "ctranslate2", "tokenizers", "gguf", "jinja2"),
    # Only who has a cluster needs what speaks to other machines.
    *("ray", "cryptography", "funland_server.nodes.cluster", "funland_server.nodes.remote"),
    # Only who has MCP servers needs what speaks to them.
    *("mcp", "mcp_types", "httpx2", "funland_server.mcp.sdk"),
    # Only who has a collector needs what sends traces.
    *("opentelemetry", "funland_server.tracing.exporting"),
    # Other commands'.
    *("funland_client", "funland_worker"),
}
NOT_BEFORE_IT_IS_READY: Final = {"protovalidate"}

IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)


def of(names: set[str], imported: str) -> list[str]:
    """Those of the modules, and of the packages, that were imported."""
    modules = set(IMPORTED.findall(imported))
    return sorted(
        name for name in names if any(f"{module}.".startswith(f"{name}.") for module in modules)
    )


def test_the_help_waits_for_no_subcommand_to_be_imported(funland: Command) -> None:
    command = [sys.executable, "-X", "importtime", funland.path, "--help"]

    imported = subprocess.run(command, capture_output=True, text=True, check=True).stderr

    assert of({"funland_cli.main", "typer"}, imported) == ["funland_cli.main", "typer"]
    assert of(NOT_FOR_HELP, imported) == []
    commands = {f"funland_cli.{name}" for name in ("serve", "chat", "models", "output", "options")}
    assert of(commands, imported) == []


def test_what_a_command_has_imported_is_not_looked_through_for_garbage() -> None:
    """Nor when the process ends, which would take a third of a short command's time."""
    script = (
        "import atexit, gc, sys; from funland_cli import entry;"
        "atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000));"
        "sys.argv = ['funland', 'models', 'list', '--server', 'localhost:1']; entry.main()"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (3, "True True\n")


def test_a_start_imports_what_it_uses(funland: Command, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [
        *(sys.executable, "-X", "importtime", funland.path, "serve", "--json"),
        *("--grpc-port", "0", "--http-port", "0", "--home", str(tmp_path / "home")),
    ]

    with (
        log.open("w") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, env=funland.environment()
        ) as process,
    ):
        assert process.stdout is not None
        try:
            assert process.stdout.readline()
        finally:
            process.send_signal(signal.SIGTERM)

    imported = log.read_text("utf-8")
    assert process.returncode == 0
    before, ready, _ = imported.partition("gateway_listens")
    assert ready
    assert of({"funland_server", "sqlalchemy", "aiohttp"}, before)
    assert of(NOT_FOR_A_START, imported) == []
    assert of(NOT_BEFORE_IT_IS_READY, before) == []
