"""Gets the tests of the `openai` package that is installed: its source distribution has them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path


def openai_sources(folder: Path) -> Path:
    """The unpacked sources of the installed version, in `folder`; fetched if they are not there.

    Raises:
        subprocess.CalledProcessError: The package index does not have them.
    """
    name = f"openai-{version('openai')}"
    if not (folder / name / "tests").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", name.replace("-", "==")]
        command += ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
        subprocess.run(command, check=True)
        with tarfile.open(folder / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return folder / name
