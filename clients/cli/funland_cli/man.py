"""`funland man`: the manual of all commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import typer

from funland_cli.general import Json, said_before
from funland_cli.output import Output

EPILOG = """\b
Examples:
  funland man
  funland man > ~/.local/share/man/man1/funland.1
"""


def man(context: typer.Context, *, as_json: Json = False) -> None:
    """Show the manual of all commands: at a terminal to read, else as a page for man."""
    from typer.main import get_command  # noqa: PLC0415 - no other command needs it

    from funland_cli.main import app  # noqa: PLC0415 - it imports this
    from funland_cli.manual import page  # noqa: PLC0415 - no other command needs it

    text = page(get_command(app), "funland", version("funland"))
    if as_json or said_before(context).as_json:
        Output(as_json=True).document({"manual": text})
    elif sys.stdout.isatty() and (reader := shutil.which("man")):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "funland.1"
            file.write_text(text, "utf-8")
            subprocess.run([reader, "-l", str(file)], check=False)
    else:
        sys.stdout.write(text)
