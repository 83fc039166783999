"""An environment for each client: a virtual one of Python's, or a folder of Node's packages."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.foreign.clients import NODE, Client

_HERE: Final = Path(__file__).parent
_MACHINES: Final = {"x86_64": "x64", "aarch64": "arm64"}
_STAMP: Final = ".packages"


def command(client: Client, folder: Path) -> list[str]:
    """What runs the client's script, in an environment in `folder` that is made first, unless it
    has these packages already.

    Raises:
        subprocess.CalledProcessError: The packages can't be installed.
    """
    if client.language == "node":
        return _node(client, folder)
    return _python(client, folder)


def _python(client: Client, folder: Path) -> list[str]:
    python = folder / "bin" / "python"
    if _is_new(folder, client.packages):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *client.packages], check=True)
        _stamp(folder, client.packages)
    return [str(python), str(_HERE / "python" / client.script)]


def _node(client: Client, folder: Path) -> list[str]:
    machine = _MACHINES.get(platform.machine(), platform.machine())
    packages = (*client.packages, NODE.format(machine=machine))
    if _is_new(folder, packages):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--save-exact"]
        subprocess.run([*install, *packages], cwd=folder, check=True)
        _stamp(folder, packages)
    for script in (client.script, "checks.mjs"):  # Node looks for packages beside a script
        (folder / script).write_bytes((_HERE / "node" / script).read_bytes())
    program = folder / "node_modules" / f"node-linux-{machine}" / "bin" / "node"
    return [str(program), str(folder / client.script)]


def _is_new(folder: Path, packages: Sequence[str]) -> bool:
    stamp = folder / _STAMP
    return not stamp.is_file() or stamp.read_text() != "\n".join(packages)


def _stamp(folder: Path, packages: Sequence[str]) -> None:
    (folder / _STAMP).write_text("\n".join(packages))


def variables(given: Mapping[str, str], service: Mapping[str, str]) -> dict[str, str]:
    """What a client finds in its environment: nobody's keys, and where the service is."""
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "TMPDIR")
    return {**{name: given[name] for name in kept if name in given}, **service}
