"""Reads foreign JSON field by field; what is wrong fails with the field's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.failures import CallFailed, failure

_V = TypeVar("_V")

_LARGEST_ID = 2**31 - 1  # as far as the contract's type goes
_INTEGER_NAMES = {32: "a 32-bit integer", 64: "a 64-bit integer"}


class JsonObject:
    """A JSON object of a request, and the path to it from the request's root.

    A field that is null counts as absent. A value of the wrong type fails with BODY_MALFORMED, a
    missing one with FIELD_INVALID; both name the field's whole path, such as `messages[0].role`.
    Ranges are the contract's business: a number is only kept from not fitting its wire type.
    """

    __slots__ = ("_members", "_path")

    def __init__(self, members: Mapping[str, Any], path: str = "") -> None:
        self._members = members
        self._path = path

    @classmethod
    def read(cls, value: object, path: str = "") -> JsonObject:
        """Takes a parsed value, which must be an object."""
        if not isinstance(value, dict):
            raise malformed(path, "an object")
        return cls(cast("dict[str, Any]", value), path)

    def path_of(self, name: str) -> str:
        """The field's path from the request's root."""
        return f"{self._path}.{name}" if self._path else name

    def raw(self, name: str) -> Any:
        """The field's value as it was parsed; None if absent."""
        return self._members.get(name)

    def string(self, name: str) -> str:
        """A string that must be there."""
        if self.raw(name) is None:
            raise missing(self.path_of(name))
        return self.optional_string(name)

    def optional_string(self, name: str) -> str:
        """A string; empty if absent."""
        value = self.raw(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise malformed(self.path_of(name), "a string")
        return value

    def boolean(self, name: str) -> bool | None:
        """True or false."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        raise malformed(self.path_of(name), "true or false")

    def number(self, name: str) -> float | None:
        """A number, whole or not."""
        value = self.raw(name)
        return None if value is None else number(value, self.path_of(name))

    def choice(self, name: str, values: Mapping[str, _V], default: _V) -> _V:
        """What a word of a list stands for; `default` if absent. An empty one is no such word."""
        if self.raw(name) is None:
            return default
        word = self.optional_string(name)
        if word not in values:
            raise invalid(self.path_of(name), f"must be one of {', '.join(values)}")
        return values[word]

    def integer(self, name: str, bits: int = 32) -> int | None:
        """A whole number that fits `bits` bits with its sign; `2.0` is one."""
        value = self.raw(name)
        if value is None:
            return None
        path = self.path_of(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise malformed(path, "an integer")
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise invalid(path, f"must be {_INTEGER_NAMES[bits]}")
        return value

    def strings(self, name: str) -> list[str]:
        """A string or a list of strings; empty if absent."""
        value = self.raw(name)
        if value is None:
            return []
        if isinstance(value, str):
            return [value]
        values = _list(value, self.path_of(name), "a string or a list of strings")
        for index, item in enumerate(values):
            if not isinstance(item, str):
                raise malformed(f"{self.path_of(name)}[{index}]", "a string")
        return cast("list[str]", values)

    def token_ids(self, name: str) -> list[int]:
        """A list of tokens' ids; empty if absent."""
        value = self.raw(name)
        return [] if value is None else token_ids(value, self.path_of(name))

    def object(self, name: str) -> JsonObject | None:
        """An object."""
        value = self.raw(name)
        return None if value is None else JsonObject.read(value, self.path_of(name))

    def objects(self, name: str) -> list[JsonObject]:
        """A list of objects that must be there."""
        path = self.path_of(name)
        value = self.raw(name)
        if value is None:
            raise missing(path)
        items = _list(value, path, "a list of objects")
        return [JsonObject.read(item, f"{path}[{index}]") for index, item in enumerate(items)]

    def items(self) -> list[tuple[str, Any]]:
        """The fields in their order."""
        return list(self._members.items())


def number(value: object, path: str) -> float:
    """A parsed value that must be a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(path, "a number")
    return float(value)


def token_ids(value: object, path: str) -> list[int]:
    """A parsed value that must be a list of tokens' ids. Which there are is the model's to say."""
    values = _list(value, path, "a list of token ids")
    if (
        set(map(type, values)) <= {int}
        and 0 <= min(values, default=0) <= max(values, default=0) <= _LARGEST_ID
    ):
        return values  # by far the most, and there may be millions
    for index, item in enumerate(values):
        if isinstance(item, bool) or not isinstance(item, int):
            raise malformed(f"{path}[{index}]", "a token id, which is an integer")
        if not 0 <= item <= _LARGEST_ID:
            raise invalid(f"{path}[{index}]", f"must be a token id, from 0 to {_LARGEST_ID}")
    return values


def malformed(path: str, expected: str) -> CallFailed:
    """The failure of a value of the wrong type; an empty path is the request itself."""
    description = f"must be {expected}"
    violations = [(path, description)] if path else []
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.BODY_MALFORMED,
        f"{path or 'The body'}: {description}",
        violations=violations,
    )


def invalid(path: str, description: str) -> CallFailed:
    """The failure of a value that breaks a rule."""
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.FIELD_INVALID,
        f"{path}: {description}",
        violations=[(path, description)],
    )


def missing(path: str) -> CallFailed:
    """The failure of a value that must be there."""
    return invalid(path, "is required")


def chosen(path: str, word: str, values: Mapping[str, _V], default: _V) -> _V:
    """What a word of a list stands for; `default` for an empty one."""
    if not word:
        return default
    if word not in values:
        raise invalid(path, f"must be one of {', '.join(values)}")
    return values[word]


def unsupported(path: str, what: str) -> CallFailed:
    """The failure of a parameter that asks for what Funland does not do."""
    return failure(
        "INVALID_ARGUMENT", ErrorReason.PARAMETER_UNSUPPORTED, f"{path}: {what}", parameter=path
    )


def _list(value: object, path: str, expected: str) -> list[Any]:
    if not isinstance(value, list):
        raise malformed(path, expected)
    return cast("list[Any]", value)
