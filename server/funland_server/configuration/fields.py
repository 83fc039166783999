"""What a setting may be, read from its field in a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from funland.v1.system_pb2 import Setting
from funland_server.configuration.given import Sections

_TYPES: Mapping[type, Setting.Type.ValueType] = {
    bool: Setting.BOOLEAN,
    int: Setting.INTEGER,
    float: Setting.NUMBER,
    tuple: Setting.STRINGS,
    str: Setting.STRING,
    Path: Setting.STRING,
    SecretStr: Setting.STRING,
}
_EXPECTED: Mapping[Setting.Type.ValueType, str] = {
    Setting.BOOLEAN: "it must be true or false",
    Setting.INTEGER: "it must be a whole number",
    Setting.NUMBER: "it must be a number",
    Setting.STRINGS: "it must be a list of strings",
    Setting.STRING: "it must be a string",
}


@dataclass(frozen=True, slots=True)
class Described:
    """A setting, whatever its value."""

    name: str
    description: str
    type: Setting.Type.ValueType
    default: Any
    secret: bool
    choices: tuple[str, ...] = ()
    """Of an item, for lists. Empty: more than can be listed."""
    minimum: float | None = None
    maximum: float | None = None


def described(sections: Sections) -> dict[str, Described]:
    """Every setting, ordered by name."""
    every = (
        _described(f"{section}.{name}", info)
        for section, model in sections.items()
        for name, info in model.model_fields.items()
        if get_origin(info.annotation)
        is not dict  # a table: it stands in the file, and is not told
    )
    return {one.name: one for one in sorted(every, key=lambda one: one.name)}


def misfit(setting: Described, value: object) -> str:
    """Why a value from JSON is not of the setting's kind; empty if it is, or is null."""
    fits: Mapping[Setting.Type.ValueType, bool] = {
        Setting.BOOLEAN: isinstance(value, bool),
        Setting.INTEGER: isinstance(value, int) and not isinstance(value, bool),
        Setting.NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        Setting.STRINGS: isinstance(value, list) and all(isinstance(item, str) for item in value),  # pyright: ignore[reportUnknownVariableType] - any JSON
        Setting.STRING: isinstance(value, str),
    }
    if isinstance(value, float) and not math.isfinite(value):
        return "it must be a finite number"
    return "" if value is None or fits[setting.type] else _EXPECTED[setting.type]


def plain(value: Any) -> Any:
    """A setting's value as JSON has it. Not for secrets."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - any setting
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _described(name: str, info: FieldInfo) -> Described:
    kind, rules = _kind(info.annotation)
    marks = [*info.metadata, *rules]
    return Described(
        name,
        info.description or "",
        _TYPES[get_origin(kind) or kind] if get_origin(kind) is not Literal else Setting.STRING,
        info.get_default(call_default_factory=True, validated_data={}),
        kind is SecretStr,
        _choices(kind),
        _limit(marks, "ge"),
        _limit(marks, "le"),
    )


def _kind(annotation: Any) -> tuple[Any, Sequence[Any]]:
    """A type without `None` and `Annotated`, and what was annotated."""
    rules: list[Any] = []
    while True:
        if hasattr(annotation, "__metadata__"):
            rules += annotation.__metadata__
            annotation = annotation.__origin__
        elif type(None) in get_args(annotation):
            (annotation,) = (each for each in get_args(annotation) if each is not type(None))
        else:
            return annotation, rules


def _choices(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is tuple:
        kind, _ = _kind(get_args(kind)[0])
    return get_args(kind) if get_origin(kind) is Literal else ()


def _limit(marks: Sequence[Any], rule: str) -> float | None:
    """A limit among the marks of a field; pydantic's own `Field` may hold others."""
    for mark in marks:
        if isinstance(mark, FieldInfo):
            if (found := _limit(mark.metadata, rule)) is not None:
                return found
        elif (found := getattr(mark, rule, None)) is not None:
            return float(found)
    return None
