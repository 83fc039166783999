"""Where installed plugins lie: `home/plugins/<id>/`, each with its code, its folder and its state.

`state.json` names the folder with the code, so that one file's change puts another version in its
place. Those that come with Funland have their code in its package, and here what was set of them.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from funland_server.durable import sync, write_whole
from funland_server.plugins.manifest import Manifest, ManifestError, read_manifest
from funland_server.plugins.packages import copy, find_manifest
from funland_server.plugins.removing import remove
from funland_server.plugins.users import Users

logger = structlog.get_logger(__name__)

_STATE: Final = "state.json"
_COMING: Final = ".import-"
MADE: Final = ".out-"
"""What the folders begin with, beside a plugin's own, where executions lay down their files."""


@dataclass(slots=True)
class Installed:
    """A plugin that is there. One whose files are damaged has a manifest of its id alone."""

    manifest: Manifest
    code_folder: Path
    folder: Path
    """What it may write."""
    enabled: bool
    config: str = "{}"
    bundled: bool = False
    install_time: float | None = None
    error: str = ""
    """Why it can't be executed."""
    users: Users = field(default_factory=Users)
    """Of all its versions."""
    active: int = 0
    """How many executions of this version run."""
    newer: Installed | None = None
    """The version that took its place."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.manifest.id


class Shelf:
    """Reads and writes them; its methods wait for the disk."""

    def __init__(self, place: Path, bundled: Path | None = None) -> None:
        self._place = place
        self._bundled = bundled or Path(str(resources.files("funland_plugin") / "bundled"))

    def read(self) -> dict[str, Installed]:
        """All that are there, by id; removes what never was whole."""
        found: dict[str, Installed] = {}
        if self._bundled.is_dir():
            for folder in sorted(self._bundled.iterdir()):
                if (folder / "plugin.toml").is_file():
                    plugin = self._read_bundled(folder)
                    found[plugin.id] = plugin
        if not self._place.is_dir():
            return found
        for folder in sorted(self._place.iterdir()):
            if folder.name.startswith(_COMING):
                remove(folder)
                continue
            for made in folder.glob(f"{MADE}*"):
                remove(made)  # files of executions that the server's end broke off
            if folder.name not in found and (folder / _STATE).is_file():
                found[folder.name] = self._read(folder)
        return found

    def bring(self, source: Path) -> tuple[Manifest, Path]:
        """Copies a plugin in, as yet under no id; raises ManifestError or OSError."""
        coming = self._place / f"{_COMING}{secrets.token_hex(8)}"
        coming.mkdir(parents=True)
        try:
            return read_manifest(copy(source, coming)), coming
        except BaseException:
            remove(coming)
            raise

    def put(self, manifest: Manifest, coming: Path, *, enabled: bool, config: str) -> Installed:
        """Gives what was brought its place; what was there has another code folder, and goes."""
        home = self._place / manifest.id
        code = home / f"code-{secrets.token_hex(8)}"
        (home / "folder").mkdir(parents=True, exist_ok=True)
        coming.rename(code)
        sync(home)
        plugin = Installed(
            manifest, code, home / "folder", enabled, config, install_time=time.time()
        )
        self.save(plugin)
        return plugin

    def save(self, plugin: Installed) -> None:
        """Keeps what was set of it."""
        home = self._place / plugin.id
        (home / "folder").mkdir(parents=True, exist_ok=True)
        config = orjson.Fragment(plugin.config)
        state: dict[str, Any] = {"enabled": plugin.enabled, "config": config}
        if not plugin.bundled:
            state |= {"code": plugin.code_folder.name, "install_time": plugin.install_time}
        write_whole(home / _STATE, orjson.dumps(state))

    def remove(self, plugin: Installed) -> None:
        """Removes it; from the first step on it is not there."""
        home = self._place / plugin.id
        gone = self._place / f"{_COMING}{secrets.token_hex(8)}"
        home.rename(gone)
        sync(self._place)
        remove(gone)

    def _read(self, home: Path) -> Installed:
        try:
            state = orjson.loads((home / _STATE).read_bytes())
            code = home / Path(state["code"]).name
            plugin = Installed(
                read_manifest(find_manifest(code)), code, home / "folder", state["enabled"],
                orjson.dumps(state["config"]).decode(), install_time=state["install_time"],
            )  # fmt: skip
            if plugin.id != home.name:
                raise ManifestError(f"it calls itself {plugin.id!r}.")
        except (OSError, ValueError, KeyError, TypeError, ManifestError) as error:
            logger.warning("plugin_broken", plugin_id=home.name, error=str(error))
            return _broken(home, str(error))
        for folder in home.glob("code-*"):
            if folder != code:
                remove(folder)  # of a version before
        return plugin

    def _read_bundled(self, folder: Path) -> Installed:
        home = self._place / folder.name
        manifest = read_manifest(folder / "plugin.toml")
        plugin = Installed(manifest, folder, home / "folder", enabled=True, bundled=True)
        try:
            state = orjson.loads((home / _STATE).read_bytes())
            plugin.enabled = bool(state["enabled"])
            plugin.config = orjson.dumps(state["config"]).decode()
        except FileNotFoundError:
            pass  # nobody has set anything
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("plugin_state_lost", plugin_id=plugin.id, error=str(error))
        return plugin


def _broken(home: Path, error: str) -> Installed:
    manifest = Manifest.model_construct(
        id=home.name, name=home.name, version="", category="utility", entry="",
        input_schema="{}", output_schema="{}", config_schema="{}",
    )  # fmt: skip
    return Installed(manifest, home, home / "folder", enabled=False, error=error)
