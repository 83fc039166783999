"""Starts the service, runs each client against it, and writes what came of it."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import gguf

from funland_client import Funland
from funland_server.models.installed.embedded import embedded_model
from tools.foreign.clients import CLIENTS, NOT_RUN, Client
from tools.foreign.environments import command, variables
from tools.foreign.results import Outcome, board, document, read_junit, read_lines

ROOT: Final = Path(__file__).resolve().parents[2]
_PAGE: Final = ROOT / "docs" / "foreign-clients.md"
_OWN_TESTS: Final = ROOT / "docs" / "openai-sdk-tests.md"
_README: Final = ROOT / "README.md"
_BOARD: Final = re.compile(r"(<!-- foreign -->\n(?:.*\n){2})(?:\|.*\n)*?(<!-- -->)")
_SECONDS: Final = 900
"""That a client may take, so that one which hangs holds nothing up for ever."""
_WIDE: Final = 16384
_PYTEST: Final = (
    "-c", os.devnull, "-q", "-p", "no:cacheprovider", "--tb=line",
    "-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session",
    "-o", "asyncio_default_fixture_loop_scope=session",
)  # fmt: skip
"""Of ours nothing; and one loop, as some clients keep their connections."""


def main() -> None:
    """Runs them. The exit status is 1 if a check fails for a reason that nobody knows."""
    parser = argparse.ArgumentParser(prog="python -m tools.foreign", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="CLIENT", help="a part of its name; all without")
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path(tempfile.gettempdir()) / "funland-foreign",
        metavar="FOLDER",
        help="where the clients are installed (%(default)s)",
    )
    parser.add_argument("--write", action="store_true", help="write the page and README's board")
    options = parser.parse_args()

    chosen = [one for one in CLIENTS if _is_meant(one, options.only)]
    with (
        tempfile.TemporaryDirectory(prefix="funland-foreign-") as folder,
        _serving(Path(folder)) as service,
    ):
        outcomes = [_run(one, options.environments, Path(folder), service) for one in chosen]
    page = document(outcomes, NOT_RUN)
    if options.write:
        _PAGE.write_text(page)
        _README.write_text(board_in(_README.read_text(), board(outcomes, _OWN_TESTS.read_text())))
    else:
        print(page)
    if any(one.unexplained or one.trouble for one in outcomes):
        raise SystemExit(1)


def board_in(readme: str, rows: str) -> str:
    """The README with other rows in its board."""
    return _BOARD.sub(lambda found: f"{found[1]}{rows}\n{found[2]}", readme)


def _is_meant(client: Client, only: Sequence[str]) -> bool:
    return not only or any(part.lower() in client.name.lower() for part in only)


@contextmanager
def _serving(folder: Path) -> Generator[dict[str, str]]:
    """A service of its own; gives what its clients find in their environment."""
    home, log = folder / "home", folder / "server.log"
    start = [str(Path(sys.executable).with_name("funland")), "serve", "--json"]
    start += ["--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    with (
        log.open("w") as errors,
        subprocess.Popen(start, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"The service did not start:\n{log.read_text()}")
            ready = json.loads(line)
            with Funland(ready["grpc"]) as client:
                client.models.import_file(_wide(folder), "funland-tiny-wide")
            yield {
                "SERVICE_URL": ready["http"],
                "SERVICE_MODEL_FILE": str(embedded_model().path),
            }
        finally:
            process.terminate()


def _wide(folder: Path) -> Path:
    """The embedded model with a longer context, in which its texts are none: for agents whose own
    prompts are longer than the context of the model."""
    path = folder / "wide.gguf"
    shutil.copyfile(embedded_model().path, path)
    path.chmod(0o600)
    reader: Any = gguf.GGUFReader(str(path), "r+")
    length = reader.get_field("llama.context_length")
    length.parts[length.data[0]][0] = _WIDE
    reader.data.flush()
    return path


def _run(client: Client, environments: Path, folder: Path, service: dict[str, str]) -> Outcome:
    print(f"{client.name} {client.version} ...", file=sys.stderr)
    place = environments / re.sub(r"\W+", "-", client.name.lower()).strip("-")
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    try:
        line = command(client, place)
    except (OSError, subprocess.CalledProcessError) as error:
        return Outcome(client, (), f"It is not installed: {error}")
    if client.runs_pytest:
        line = [line[0], "-m", "pytest", *_PYTEST, f"--junitxml={report}", line[1]]
    try:
        done = subprocess.run(
            line,
            cwd=folder,
            env=variables(os.environ, service),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(client, (), f"It was not done after {_SECONDS} s.")
    checks = read_lines(done.stdout.splitlines())
    if client.runs_pytest:
        checks = read_junit(report) if report.is_file() else ()
    failed = bool(done.returncode) and not client.runs_pytest
    outcome = Outcome(client, checks, done.stderr[-400:] if failed or not checks else "")
    print(f"  {outcome.passed} of {outcome.applicable}", file=sys.stderr)
    for check in outcome.unexplained:
        print(f"  {check.name}: {check.error}", file=sys.stderr)
    return outcome


if __name__ == "__main__":
    main()
