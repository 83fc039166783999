"""Reads the service's settings: defaults < the hubs' own variables < `funland.toml` <
`FUNLAND_*` variables < flags.

Settings have two sections, `server` and `gateway`, as tables of `funland.toml`. A variable's name
is FUNLAND_<SECTION>__<SETTING>, so `server.port` is FUNLAND_SERVER__PORT; FUNLAND_HOME is short
for `server.home`, FUNLAND_DATABASE_URL for `server.database_url`. FUNLAND_SERVER, without the
double underscore, is no setting of the service: it is the address that clients call. A variable for
a list holds its items parted by commas.

Every value keeps its origin, so that a wrong one is reported with the place to mend it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from funland_cli.failures import CommandError, ExitCode
from funland_gateway.config import GatewaySettings
from funland_server.config import ServerSettings

FILE_NAME = "funland.toml"
_PREFIX = "FUNLAND_"
_HOME = "server.home"
_SHORT = {"home": _HOME, "database_url": "server.database_url"}
_NOT_SETTINGS = {"FUNLAND_SERVER"}
_OF_HUBS = {
    "MODELSCOPE_DOMAIN": "server.modelscope_endpoint",
    "MODELSCOPE_ENDPOINT": "server.modelscope_endpoint",  # the newer name goes before the older
    "MODELSCOPE_API_TOKEN": "server.modelscope_token",
    "HF_ENDPOINT": "server.huggingface_endpoint",
    "HF_TOKEN": "server.huggingface_token",
    "HF_HUB_OFFLINE": "server.offline",
}
_OFFLINE = "server.offline"
_YES = {"1", "ON", "YES", "TRUE"}


class Settings(BaseModel):
    """All that can be set about the service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: ServerSettings
    gateway: GatewaySettings


@dataclass(frozen=True, slots=True)
class Setting:
    """A value as it was given, and where."""

    value: Any
    origin: str


Layer = Mapping[str, Setting]
"""Settings of one source by their names, such as `server.port`."""


class SettingsError(CommandError):
    """A setting is wrong or unknown."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)


def load_settings(flags: Layer, config: Path | None, environment: Mapping[str, str]) -> Settings:
    """Joins all sources.

    `config` is the file to read; None takes `funland.toml` of the working folder, else of the home,
    if there is one. Raises SettingsError.
    """
    variables = _from_environment(environment)
    home = flags.get(_HOME) or variables.get(_HOME)
    places = [Path(FILE_NAME), (Path(home.value) if home else _default_home()) / FILE_NAME]
    file = config or next((place for place in places if place.is_file()), None)
    joined = {
        **_from_hubs(environment), **(_from_file(file) if file else {}), **variables, **flags,
    }  # fmt: skip
    try:
        return Settings.model_validate(_nested(joined))
    except ValidationError as error:
        raise _explained(error, joined) from error


def _default_home() -> Path:
    return ServerSettings.model_validate({}).home


def _from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    layer: dict[str, Setting] = {}
    for variable, value in environment.items():
        if not variable.startswith(_PREFIX) or variable in _NOT_SETTINGS:
            continue
        name = variable.removeprefix(_PREFIX).lower().replace("__", ".", 1)
        name = _SHORT.get(name, name)
        layer[name] = Setting(_parsed(name, value), variable)
    return layer


def _from_hubs(environment: Mapping[str, str]) -> dict[str, Setting]:
    layer: dict[str, Setting] = {}
    for variable, name in _OF_HUBS.items():
        value = environment.get(variable, "").strip()
        if value and name == _OFFLINE:
            layer[name] = Setting(value.upper() in _YES, variable)
        elif value:
            layer[name] = Setting(value, variable)
    return layer


def _from_file(path: Path) -> dict[str, Setting]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    loose = [name for name, value in tables.items() if not isinstance(value, dict)]
    if loose:
        raise SettingsError(
            f"{loose[0]} (from {path}) stands in no table.", "The tables: [server], [gateway]"
        )
    return {
        f"{section}.{name}": Setting(value, str(path))
        for section, values in tables.items()
        for name, value in values.items()
    }


def _parsed(name: str, text: str) -> Any:
    """Parts the lists of variables; pydantic reads the rest."""
    is_list = get_origin(_fields().get(name)) is tuple
    return [item.strip() for item in text.split(",") if item.strip()] if is_list else text


def _nested(layer: Layer) -> dict[str, Any]:
    nested: dict[str, Any] = {"server": {}, "gateway": {}}
    for name, setting in layer.items():
        section, dot, field = name.partition(".")
        value = _expanded(setting.value) if name == _HOME else setting.value
        if dot:
            nested.setdefault(section, {})[field] = value
        else:
            nested[name] = value
    return nested


def _expanded(home: Any) -> Any:
    return os.path.expanduser(home) if isinstance(home, str) else home  # noqa: PTH111 - stays a str, for pydantic to check


def _explained(error: ValidationError, layer: Layer) -> SettingsError:
    """Names each wrong setting, where it came from and what it should be."""
    lines: list[str] = []
    hints: list[str] = []
    for wrong in error.errors(include_url=False):
        name = ".".join(str(part) for part in wrong["loc"][:2])
        given = layer.get(name) or _first_under(name, layer)
        origin = f" (from {given.origin})" if given else ""
        if wrong["type"] == "extra_forbidden":
            lines.append(f"{name}{origin} is no setting.")
            hints.append(_nearest(name))
        else:
            reason = wrong["msg"].removeprefix("Value error, ")
            lines.append(f"{name}{origin} is wrong: {reason}")
    return SettingsError("\n".join(lines), " ".join(filter(None, dict.fromkeys(hints))))


def _first_under(section: str, layer: Layer) -> Setting | None:
    return next((value for name, value in layer.items() if name.startswith(f"{section}.")), None)


def _nearest(name: str) -> str:
    known = list(_fields())
    near = difflib.get_close_matches(name, known, n=1)
    near += [other for other in known if other.rpartition(".")[2] == name]
    return f"Did you mean {near[0]}?" if near else f"The settings: {', '.join(known)}"


def _fields() -> dict[str, Any]:
    """Every setting's type by its name."""
    return dict(_named_fields())


def _named_fields() -> Iterator[tuple[str, Any]]:
    sections: dict[str, type[BaseModel]] = {"server": ServerSettings, "gateway": GatewaySettings}
    for section, model in sections.items():
        for field, info in model.model_fields.items():
            yield f"{section}.{field}", info.annotation
