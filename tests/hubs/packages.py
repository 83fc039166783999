"""The hubs' own packages, each run in a process and a home of its own, with no hub but the fake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

_SECONDS = 120
_BEGIN = "import json, sys; home = sys.argv[1]\n"
_END = "\nprint('RESULT ' + json.dumps(result))\n"


def run(code: str, home: Path, **environment: str) -> Any:
    """Runs code that puts JSON into `result` and has `home`, a folder of its own; gives it back.

    AssertionError with all that it wrote if it fails.
    """
    home.mkdir(parents=True, exist_ok=True)
    own = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + code + _END, str(home)],
        env=own | environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert done.returncode == 0, done.stdout + done.stderr
    return orjson.loads(lines[-1].removeprefix("RESULT "))
