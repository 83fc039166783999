"""What a change of settings would make of the file and of the running server: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydantic import BaseModel

from funland.v1.system_pb2 import Setting
from funland_server.config import ServerSettings
from funland_server.configuration.editing import edited
from funland_server.configuration.fields import Described, misfit
from funland_server.configuration.given import WrongSettingsError
from funland_server.configuration.joining import nearest
from funland_server.configuration.sources import Joined, Sources
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.errors import StorageUnavailableError
from funland_server.system.effects import effect
from funland_server.system.errors import SettingFixedError

Objections: TypeAlias = Callable[[ServerSettings], Mapping[str, str]]
"""What parts of the server have against settings, by their names."""


@dataclass(frozen=True, slots=True)
class Change:
    """All or nothing of it."""

    text: str
    """What the file then holds."""
    running: Joined
    """What the server then runs with."""
    wanted: Joined
    """What it would run with at the next start."""


def change(
    text: str,
    values: Mapping[str, Any],
    running: Joined,
    *,
    fields: Mapping[str, Described],
    objections: Objections,
) -> Change:
    """Sets settings in the text of a file; None takes one out. What else the text says is taken
    too.

    Raises:
        FieldInvalidError: A setting, or the whole, is wrong.
        SettingFixedError: A flag or a variable goes before the file.
        StorageUnavailableError: The text is too unusual to be changed.
    """
    sources = running.sources
    _check(values, sources, fields)
    try:
        changed = edited(text, values)
    except ValueError as error:
        raise StorageUnavailableError(f"{sources.file.name} can't be changed: {error}.") from error
    try:
        wanted = sources.join(changed)
    except WrongSettingsError as error:
        raise FieldInvalidError(_violations(error.wrong, values, sources)) from error
    new = {
        name: why
        for name, why in objections(cast("ServerSettings", wanted.sections["server"])).items()
        if name in values or wanted.value(name) != running.value(name)
    }
    if new:
        raise FieldInvalidError(_violations(new, values, sources))
    return Change(changed, _without_start(running, wanted), wanted)


def _check(values: Mapping[str, Any], sources: Sources, fields: Mapping[str, Described]) -> None:
    """Refuses what can't be set, whatever the file says."""
    violations: list[Violation] = []
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            why = f"it is no setting. {nearest(name, sources.sections)}"
        else:
            why = misfit(field, value)
        if why:
            violations.append(Violation(_path(name), why))
    if violations:
        raise FieldInvalidError(violations)
    for name in values:
        if (given := sources.after_file.get(name)) is not None:
            raise SettingFixedError(name, given.name)


def _violations(
    wrong: Mapping[str, str], values: Mapping[str, Any], sources: Sources
) -> list[Violation]:
    return [
        Violation(_path(name), why)
        if name in values
        else Violation("values", f"{name}, as {sources.file.name} has it, is wrong: {why}")
        for name, why in wrong.items()
    ]


def _without_start(running: Joined, wanted: Joined) -> Joined:
    """What runs when all that needs no other start has taken effect."""
    sections: dict[str, BaseModel] = {}
    stays = {
        f"{section}.{field}": effect(f"{section}.{field}") == Setting.NEXT_START
        for section, model in running.sections.items()
        for field in type(model).model_fields
    }
    for section, model in running.sections.items():
        values: dict[str, Any] = {}
        set_: set[str] = set()
        for field in type(model).model_fields:
            one = (running if stays[f"{section}.{field}"] else wanted).sections[section]
            values[field] = getattr(one, field)
            if field in one.model_fields_set:
                set_.add(field)
        # Each value was checked, and rules are about one field each.
        sections[section] = type(model).model_construct(set_, **values)
    given = {
        name: layer[name]
        for name, stay in stays.items()
        if name in (layer := running.given if stay else wanted.given)
    }
    return Joined(sections, given, running.sources)


def _path(name: str) -> str:
    return f'values["{name}"]'
