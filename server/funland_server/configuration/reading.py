"""Reads settings from variables and from a file, as they are: nothing is checked yet.

Settings have sections, such as `server` and `gateway`: tables of `funland.toml`. A variable's name
is FUNLAND_<SECTION>__<SETTING>, so `server.port` is FUNLAND_SERVER__PORT; FUNLAND_HOME is short
for `server.home`, FUNLAND_DATABASE_URL for `server.database_url`. FUNLAND_SERVER, FUNLAND_CA and
FUNLAND_KEY, without the double underscore, are no settings of the service: they tell clients which
address to call, which certificates to believe and which key to send. A variable for a list holds
its items parted by commas.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from funland.v1.system_pb2 import Setting
from funland_server.configuration.given import Given, Sections, WrongSettingsError

_PREFIX = "FUNLAND_"
_SHORT = {"home": "server.home", "database_url": "server.database_url"}
_NOT_SETTINGS = {"FUNLAND_SERVER", "FUNLAND_CA", "FUNLAND_KEY"}
_OF_HUBS = {
    "MODELSCOPE_DOMAIN": "server.modelscope_endpoint",
    "MODELSCOPE_ENDPOINT": "server.modelscope_endpoint",  # the newer name goes before the older
    "MODELSCOPE_API_TOKEN": "server.modelscope_token",
    "HF_ENDPOINT": "server.huggingface_endpoint",
    "HF_TOKEN": "server.huggingface_token",
    "HF_HUB_OFFLINE": "server.offline",
}
_OFFLINE = "server.offline"
_LARGEST = 1024**2  # of a file, in bytes: a device has no end, and to change a text takes long
_YES = {"1", "ON", "YES", "TRUE"}


def from_variables(environment: Mapping[str, str], sections: Sections) -> dict[str, Given]:
    """What Funland's own variables say."""
    layer: dict[str, Given] = {}
    for variable, text in environment.items():
        if not variable.startswith(_PREFIX) or variable in _NOT_SETTINGS:
            continue
        name = variable.removeprefix(_PREFIX).lower().replace("__", ".", 1)
        name = _SHORT.get(name, name)
        layer[name] = Given(_parsed(name, text, sections), Setting.VARIABLE, variable)
    return layer


def from_hubs_variables(environment: Mapping[str, str]) -> dict[str, Given]:
    """What the variables of the hubs' own tools say, as those read them."""
    layer: dict[str, Given] = {}
    for variable, name in _OF_HUBS.items():
        text = environment.get(variable, "").strip()
        if text:
            value = text.upper() in _YES if name == _OFFLINE else text
            layer[name] = Given(value, Setting.HUB_VARIABLE, variable)
    return layer


def read_file(path: Path) -> str:
    """The text of a settings file; raises WrongSettingsError if it can't be read."""
    try:
        with path.open("rb") as file:
            read = file.read(_LARGEST + 1)
        if len(read) > _LARGEST:
            why = f"has more than {_LARGEST // 1024} KiB, so it is no settings file"
            raise WrongSettingsError({"": why}, f"{path} {why}")
        return read.decode()
    except OSError as error:
        why = f"can't be read: {error.strerror}"
        raise WrongSettingsError({"": why}, f"{path} {why}") from error
    except UnicodeDecodeError as error:
        why = "is no UTF-8, so it is not TOML"
        raise WrongSettingsError({"": why}, f"{path} {why}") from error


def from_text(text: str, path: Path) -> dict[str, Given]:
    """What a settings file says; raises WrongSettingsError if it is none."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        why = f"is not TOML: {error}"
        raise WrongSettingsError({"": why}, f"{path} {why}") from error
    loose = [name for name, value in tables.items() if not isinstance(value, dict)]
    if loose:
        why = "stands in no table."
        raise WrongSettingsError(
            {loose[0]: f"it {why}"},
            f"{loose[0]} (from {path}) {why}",
            "The tables: [server], [gateway]",
        )
    return {
        f"{section}.{name}": Given(value, Setting.FILE, str(path))
        for section, values in tables.items()
        for name, value in values.items()
    }


def _parsed(name: str, text: str, sections: Sections) -> Any:
    """Parts the lists of variables; pydantic reads the rest."""
    section, _, field = name.partition(".")
    model = sections.get(section)
    info = model.model_fields.get(field) if model else None
    is_list = info is not None and get_origin(info.annotation) is tuple
    return [item.strip() for item in text.split(",") if item.strip()] if is_list else text
