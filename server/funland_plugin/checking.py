"""Holds what a plugin is given, and gives, against its JSON Schemas.

It is done in the plugin's process: a schema is its author's, and one whose patterns take for ever
costs nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from funland.v1.errors_pb2 import FieldViolation

_MOST: Final = 16
"""More violations are not told."""
_LONGEST: Final = 300


class SchemaBrokenError(Exception):
    """A schema of the manifest is none."""


def schema(text: str, name: str) -> Draft202012Validator:
    """A validator; without a text for any object. Raises SchemaBrokenError."""
    try:
        told: dict[str, Any] = json.loads(text) if text else {}
        Draft202012Validator.check_schema(told)
    except (ValueError, SchemaError, RecursionError) as error:
        said = error.message if isinstance(error, SchemaError) else str(error)
        raise SchemaBrokenError(f"{name} is no JSON Schema: {said[:_LONGEST]}") from None
    # A registry of its own: the default one fetches what a schema refers to.
    return Draft202012Validator({"type": "object", "allOf": [told]}, registry=Registry())


def read(text: str, name: str, validator: Draft202012Validator) -> dict[str, Any]:
    """What a text says. Raises `ViolatedError`, with paths that begin with `name`."""
    try:
        told = json.loads(text or "{}", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ViolatedError([FieldViolation(field=name, description="must be JSON")]) from None
    if violations := check(told, name, validator):
        raise ViolatedError(violations)
    return cast("dict[str, Any]", told)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")  # though Python takes it


class ViolatedError(Exception):
    """What was given breaks a schema."""

    def __init__(self, violations: list[FieldViolation]) -> None:
        super().__init__("; ".join(f"{one.field} {one.description}" for one in violations))
        self.violations = violations


def check(told: Any, name: str, validator: Draft202012Validator) -> list[FieldViolation]:
    """What breaks the schema, by path."""
    found: list[FieldViolation] = []
    errors: Any = validator.iter_errors(told)  # pyright: ignore[reportUnknownMemberType] - half typed
    try:
        for error in islice(cast("Iterable[ValidationError]", errors), _MOST):
            description = error.message[:_LONGEST]
            found.append(FieldViolation(field=_path(name, error), description=description))
    except Unresolvable as error:
        raise SchemaBrokenError(f"The {name}'s schema refers to what it has not: {error}") from None
    except RecursionError:
        return [FieldViolation(field=name, description="is nested too deeply")]
    return found


def _path(name: str, error: ValidationError) -> str:
    """Such as `input.rows[2].name`."""
    for part in error.absolute_path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    return name
