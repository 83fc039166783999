"""Writes the blocking client, which is made of the asynchronous one; `--check` only compares."""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tools.client.blocking import blocking

_ROOT: Final = Path(__file__).parents[2]
_CLIENT: Final = _ROOT / "clients/python/funland_client"
_SOURCE: Final = _CLIENT / "asynchronous"
_MADE: Final = _CLIENT / "blocking"
_MARK: Final = "# Generated from ../asynchronous/{name} by `make client`: edit that one.\n"


def main() -> int:
    """Writes, or compares; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.client", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if it is not up to date")
    if not parser.parse_args().check:
        write(_MADE)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / _MADE.name
        write(fresh)
        stale = sorted(differing(fresh, _MADE))
    if stale:
        print(f"Not up to date in {_MADE.relative_to(_ROOT)}: {', '.join(stale)}. Run: make client")
    return 1 if stale else 0


def write(folder: Path) -> None:
    """Writes the blocking modules, and removes those that have no source any more."""
    folder.mkdir(exist_ok=True)
    sources = {path.name: path.read_text(encoding="utf-8") for path in _SOURCE.glob("*.py")}
    for path in folder.glob("*.py"):
        if path.name not in sources:
            path.unlink()
    for name, source in sources.items():
        made = _MARK.format(name=name) + blocking(source) if source else ""
        (folder / name).write_text(made, encoding="utf-8")
    _ruff("check", "--fix", "--select", "I,F", folder)
    _ruff("format", folder)


def differing(one: Path, other: Path) -> set[str]:
    """The names of the modules that only one folder has, or that are not the same in both."""
    names = {path.name for folder in (one, other) for path in folder.glob("*.py")}
    return names - set(filecmp.cmpfiles(one, other, names, shallow=False)[0])


def _ruff(*arguments: str | Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    settings = ("--quiet", "--config", _ROOT / "pyproject.toml")
    subprocess.run([ruff, *arguments, *settings], check=True)


if __name__ == "__main__":
    sys.exit(main())
