"""Reads JSON values and text as the scalars of protobuf, strictly."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

Convert = Callable[[object], Any]

_INTEGER = re.compile(r"-?[0-9]{1,1000}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LARGEST_FLOAT = 3.4028235e38
# Half a step on: from here, a double is no longer rounded to the largest float32.
_INFINITE_FLOAT = 3.4028235677973366e38
_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
# JavaScript's numbers end at 2**53, so protobuf's JSON writes these as strings.
_WIDE = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


class Misfit(Exception):
    """A value that its field can't hold. The path grows on the way up."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self._steps: list[str] = []

    def under(self, step: str) -> Misfit:
        """Puts a field's name, or an index or key in brackets, before the path."""
        self._steps.append(step)
        return self

    @property
    def path(self) -> str:
        """Where the value stands, such as `messages[0].role`. Empty for the whole."""
        steps = reversed(self._steps)
        return "".join(s if s.startswith("[") else f".{s}" for s in steps).removeprefix(".")


def kind(value: object) -> str:
    """What JSON calls such a value, with its article."""
    return _KINDS.get(type(value), type(value).__name__)


def scalar(field: FieldDescriptor) -> Convert:
    """The function that turns a JSON value into what `field` holds, or raises `Misfit`."""
    if field.cpp_type in _RANGES:
        low, high = _RANGES[field.cpp_type]
        return _integer(low, high, wide=field.cpp_type in _WIDE)
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes
    return {
        FieldDescriptor.CPPTYPE_BOOL: _bool,
        FieldDescriptor.CPPTYPE_FLOAT: _float32,
        FieldDescriptor.CPPTYPE_DOUBLE: finite,
        FieldDescriptor.CPPTYPE_STRING: _string,
    }[field.cpp_type]


def from_text(field: FieldDescriptor, text: str) -> object:
    """The JSON value that `text`, from a URL or an object's key, stands for.

    Text that does not fit is returned as it is, for `scalar` to complain about.
    """
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if field.cpp_type in _RANGES or field.enum_type is not None:
        return int(text) if _INTEGER.fullmatch(text) else text
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return float(text) if _NUMBER.fullmatch(text) else text
    return text


def _integer(low: int, high: int, *, wide: bool) -> Convert:
    def convert(value: object) -> int:
        if type(value) is int:
            number = value
        elif isinstance(value, float):
            if not value.is_integer():
                raise Misfit("must be an integer")
            number = int(value)
        elif wide and isinstance(value, str) and _INTEGER.fullmatch(value):
            number = int(value)
        else:
            raise Misfit(f"must be an integer, not {kind(value)}")
        if not low <= number <= high:
            raise Misfit(f"must be from {low} to {high}")
        return number

    return convert


def _enum(enum: EnumDescriptor) -> Convert:
    numbers = {value.name: value.number for value in enum.values}
    # The zero of every enum here says that nothing was said.
    names = ", ".join(value.name for value in enum.values if value.number)

    def convert(value: object) -> int:
        if isinstance(value, str):
            number = numbers.get(value, numbers.get(value.upper()))
        else:
            number = value if type(value) is int and value in enum.values_by_number else None
        if number is None:
            raise Misfit(f"must be one of {names}")
        return number

    return convert


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise Misfit(f"must be true or false, not {kind(value)}")
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise Misfit(f"must be a string, not {kind(value)}")
    return value


def finite(value: object) -> float:
    """A number of 64 bits; raises `Misfit`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misfit(f"must be a number, not {kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Misfit("must be a finite number")
    return number


def _float32(value: object) -> float:
    number = finite(value)
    if abs(number) >= _INFINITE_FLOAT:
        raise Misfit(f"must be from {-_LARGEST_FLOAT} to {_LARGEST_FLOAT}")
    return number


def _bytes(value: object) -> bytes:
    text = _string(value)
    try:
        # Both alphabets, with or without padding, as protobuf's JSON says.
        standard = text.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Misfit("must be base64") from None
