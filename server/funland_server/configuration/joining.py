"""Checks joined settings, and names each one that is wrong with the place to mend it: no I/O."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from funland_server.configuration.given import Layer, Sections, WrongSettingsError

_HOME = "server.home"
_UNKNOWN = "it is no setting"


def checked(layer: Layer, sections: Sections) -> dict[str, BaseModel]:
    """The settings of each section, all sources joined in `layer`.

    Raises:
        WrongSettingsError: One or more are wrong or unknown; all of them are named.
    """
    made: dict[str, BaseModel] = {}
    wrong: dict[str, str] = {}
    hints: dict[str, None] = {}
    given = _by_section(layer)
    for section in given.keys() - sections.keys():
        wrong[section] = _UNKNOWN
        hints[nearest(section, sections)] = None
    for section, model in sections.items():
        try:
            made[section] = model.model_validate(given.get(section, {}))
        except ValidationError as error:
            for name, why in _explained(error, section):
                wrong.setdefault(name, why)
                hints[nearest(name, sections) if why == _UNKNOWN else ""] = None
    if wrong:
        lines = (_line(name, why, layer) for name, why in wrong.items())
        raise WrongSettingsError(wrong, "\n".join(lines), " ".join(filter(None, hints)))
    return made


def names(sections: Sections) -> list[str]:
    """Every setting's name, in the order of the models."""
    return [f"{section}.{field}" for section, model in sections.items() for field in
            model.model_fields]  # fmt: skip


def _by_section(layer: Layer) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    for name, given in layer.items():
        section, _, field = name.partition(".")
        value = _expanded(given.value) if name == _HOME else given.value
        values = sections.setdefault(section, {})
        if field:
            values[field] = value
    return sections


def _expanded(home: Any) -> Any:
    return os.path.expanduser(home) if isinstance(home, str) else home  # noqa: PTH111 - stays a str, for pydantic to check


def _explained(error: ValidationError, section: str) -> Iterator[tuple[str, str]]:
    """The name of each wrong setting of a section, and why."""
    for wrong in error.errors(include_url=False, include_input=False):
        name = ".".join((section, *_path(wrong["loc"])))
        unknown = wrong["type"] == "extra_forbidden"
        yield name, _UNKNOWN if unknown else _why(wrong)


def _path(place: tuple[int | str, ...]) -> Iterator[str]:
    """A setting's name in its section; of a table, what is wrong in it too."""
    for part in place:
        if not isinstance(part, str) or part == "[key]":  # an item of a list is the list's
            return
        yield part


def _why(wrong: ErrorDetails) -> str:
    if wrong["type"] == "too_short":
        return f"it must have at least {wrong.get('ctx', {})['min_length']} item"
    said = wrong["msg"].removeprefix("Value error, ")
    return said.replace("Input should be", "it must be", 1)


def _line(name: str, why: str, layer: Layer) -> str:
    origin = _origin(name, layer)
    told = "is no setting." if why == _UNKNOWN else f"is wrong: {why}"
    return f"{name}{origin} {told}"


def _origin(name: str, layer: Layer) -> str:
    under = (given for key, given in layer.items() if key.startswith(f"{name}."))
    above = (layer[key] for key in layer if name.startswith(f"{key}."))
    given = layer.get(name) or next(under, None) or next(above, None)
    return f" (from {given.name})" if given else ""


def nearest(name: str, sections: Sections) -> str:
    """Says which setting may be meant by a name that is none, or lists them all."""
    known = names(sections)
    near = difflib.get_close_matches(name, known, n=1)
    near += [other for other in known if other.rpartition(".")[2] == name]
    return f"Did you mean {near[0]}?" if near else f"The settings: {', '.join(known)}"
