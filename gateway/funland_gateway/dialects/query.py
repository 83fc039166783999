"""Query parameters: one declaration reads them and documents them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from funland_gateway.dialects.reading import chosen, invalid

T = TypeVar("T")
D = TypeVar("D")

_SWITCH: Final = {"true": True, "1": True, "false": False, "0": False}
_MOST_DIGITS: Final = 18  # so that a text of digits costs nothing, whatever its length


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """A query parameter of some routes."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """A JSON Schema. An object's members are sent as `name[member]=value`."""
    read: Callable[[str, Mapping[str, str]], T]

    def of(self, query: Mapping[str, str]) -> T:
        """Its value in a request's query; raises `CallFailed` with its name."""
        return self.read(self.name, query)

    def takes(self, key: str) -> bool:
        """Whether a key of a query is this parameter's."""
        return key == self.name or key.startswith(f"{self.name}[")


def text(name: str, description: str) -> Parameter[str]:
    """Any text; empty if absent."""
    return Parameter(name, description, {"type": "string"}, lambda key, query: query.get(key, ""))


def switch(name: str, description: str) -> Parameter[bool]:
    """`true` or `false`, the default."""

    def read(key: str, query: Mapping[str, str]) -> bool:
        value = _SWITCH.get(query.get(key, "false").lower())
        if value is None:
            raise invalid(key, "must be true or false")
        return value

    return Parameter(name, description, {"type": "boolean", "default": False}, read)


def choice(name: str, description: str, *values: str) -> Parameter[str]:
    """One of the values; the first is the default."""

    def read(key: str, query: Mapping[str, str]) -> str:
        value = query.get(key, values[0])
        if value not in values:
            raise invalid(key, f"must be one of {', '.join(values)}")
        return value

    schema = {"type": "string", "enum": list(values), "default": values[0]}
    return Parameter(name, description, schema, read)


def one_of(name: str, description: str, values: Mapping[str, T], default: T) -> Parameter[T]:
    """What one of some words stands for; `default` if it is absent or empty."""

    def read(key: str, query: Mapping[str, str]) -> T:
        return chosen(key, query.get(key, ""), values, default)

    return Parameter(name, description, {"type": "string", "enum": list(values)}, read)


def whole_number(
    name: str, description: str, least: int, most: int, default: D
) -> Parameter[int | D]:
    """A number with bounds; one that is absent is the default."""

    def read(key: str, query: Mapping[str, str]) -> int | D:
        digits = query.get(key)
        if digits is None:
            return default
        decimal = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
        if not decimal or not least <= int(digits) <= most:
            raise invalid(key, f"must be a number from {least} to {most}")
        return int(digits)

    schema: dict[str, Any] = {"type": "integer", "minimum": least, "maximum": most}
    if default is not None:
        schema["default"] = default
    return Parameter(name, description, schema, read)


def pairs(name: str, description: str) -> Parameter[dict[str, str]]:
    """Texts by keys, each sent as `name[key]=text`."""

    def read(key: str, query: Mapping[str, str]) -> dict[str, str]:
        begin, end = f"{key}[", "]"
        return {
            sent[len(begin) : -len(end)]: value
            for sent, value in query.items()
            if sent.startswith(begin) and sent.endswith(end)
        }

    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    return Parameter(name, description, schema, read)
