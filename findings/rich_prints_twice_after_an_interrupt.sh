#!/usr/bin/env bash
# rich 15.0.0, Python 3.11.
# One would guess: what Console.print has written to its file is done with, also when an exception comes out of that
# print, such as the KeyboardInterrupt of a Ctrl-C that arrives while the file is written or flushed.
# Seen: the text stays in the console's buffer, since that is cleared only after the flush, and the next print writes
# it once more. A program that prints a farewell after Ctrl-C so tells its last line twice.
# Here the file itself raises, once, where the signal would come. Exits 1 if the line is not written twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rich==15.0.0
cat >"$folder/twice.py" <<'END'
import importlib.metadata
import io

from rich.console import Console


class Interrupted(io.StringIO):
    """A file whose first flush is interrupted, after all of the text was written to it."""

    first = True

    def flush(self):
        if self.first:
            self.first = False
            raise KeyboardInterrupt


file = Interrupted()
console = Console(file=file)
try:
    console.print("half of it is there")
except KeyboardInterrupt:
    console.print("stopped")
lines = file.getvalue().splitlines()
print(f"rich {importlib.metadata.version('rich')}: {lines}")
raise SystemExit(0 if lines.count("half of it is there") == 2 else 1)
END
"$folder/venv/bin/python" "$folder/twice.py"
