"""Checks requests against the rules in the contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final

from google.protobuf.message import Message

from funland_server.errors import FieldInvalidError, Violation

_LONGEST_PATH = 96
_MOST = 10
"""Violations that are told: a status is a gRPC trailer, which holds 8 KB, and clients drop more."""

_DEVICE_ID = "must be a device's id, such as gpu_0; `funland devices` lists them"
_NAME = "must be small letters, digits, dots, dashes and underscores, and begin with no sign"
_LANGUAGE: Final = "must be a language's tag or name, such as en, zh-CN or english"
FORMS: Final[Mapping[str, str]] = {
    "^[a-z]+_[0-9]{1,4}$": _DEVICE_ID,
    "^([a-z]+_[0-9]{1,4})?$": _DEVICE_ID,
    "^([A-Z0-9][A-Z0-9_.:,]{0,63})?$": (
        "must be an engine's own name of a device, such as CPU or GPU.1; ids, such as gpu_0, belong"
        " in device_ids"
    ),
    "^([a-z0-9][a-z0-9._-]*)?$": _NAME,
    "^[A-Za-z0-9_.-]{1,64}$": "must be 1 to 64 letters, digits, dots, dashes and underscores",
    "^(auto|float16|bfloat16|float32)?$": "must be auto, float16, bfloat16 or float32",
    "^(whsec_[A-Za-z0-9+/]{32,86}={0,2})?$": "must be whsec_ and 24 to 64 bytes in base64",
    "^([a-z0-9][a-z0-9.+_-]*/[a-z0-9][a-z0-9.+_-]*(; ?[a-z0-9_-]+=[A-Za-z0-9._-]+)*)?$": (
        "must be a media type in small letters, such as application/jsonl"
    ),
    "^([A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*)?$": _LANGUAGE,
    "^([A-Za-z]{2,20}([-_][A-Za-z0-9]{1,8})*)?$": _LANGUAGE,
    "^[A-Za-z0-9][A-Za-z0-9._@+-]*$": (
        "must be letters, digits, dots, dashes, underscores, @ and +, the first a letter or digit"
    ),
    "^(read|infer|manage|admin)(:[a-z]+)?$": (
        "must be read, infer, manage or admin, or one of them for a service, such as manage:tasks"
    ),
    "^(.{10,})?$": "must have 10 characters at least, in one line",
    "^([^@ ]+@[^@ ]+)?$": "must be an e-mail address",
    "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$": (
        "must be an owner and a name, such as owner/name"
    ),
    "^([0-9a-f]{64})?$": "must be 64 hexadecimal digits, with small letters",
}
"""The contract's patterns, in words."""


def validate(request: Message) -> None:
    """Raises FieldInvalidError if the request breaks a rule, with the first fields that do."""
    # What checks is a twentieth of a start. The first request needs it, and no start does.
    import protovalidate  # noqa: PLC0415 - as above

    violations = [
        _violation(request, violation.proto)
        for violation in protovalidate.collect_violations(request)[:_MOST]
    ]
    if violations:
        raise FieldInvalidError(violations)


def get_ready() -> None:
    """Imports what checks, which the first request would wait for."""
    import_module("protovalidate")


def _violation(request: Message, told: Any) -> Violation:
    """What is told of a rule that is broken. That of a choice is its message's: it is no field."""
    if told.rule is None and told.rule_id == "required":
        *outer, choice = told.field.elements
        message: Any = request.DESCRIPTOR  # below it there are messages alone
        for element in outer:
            message = message.fields_by_name[element.field_name].message_type
        names = ", ".join(field.name for field in message.oneofs_by_name[choice.field_name].fields)
        place = _path(outer) or names.partition(",")[0]
        return Violation(place[:_LONGEST_PATH], f"one of {names} must be given")
    return Violation(_place(told)[:_LONGEST_PATH], _words(told.message))


def _words(message: str) -> str:
    """What a rule says, for people who don't read patterns."""
    told, _, pattern = message.partition("`")
    return FORMS.get(pattern.removesuffix("`"), message) if "pattern" in told else message


def _place(violation: Any) -> str:
    """The field that breaks a rule. One for a whole message has an id that ends with the name of
    the field to blame."""
    path = _path(getattr(violation.field, "elements", ()))  # the request itself is no field
    if violation.rule is not None:
        return path
    field = violation.rule_id.rpartition(".")[2]
    return f"{path}.{field}" if path else field


def _path(elements: Iterable[Any]) -> str:
    """`messages[0].role`, `sampling.logit_bias[7]`: as the field is written in JSON."""
    parts: list[str] = []
    for element in elements:
        name = element.field_name
        subscript = element.subscript
        if subscript is not None:
            value = subscript.value
            name += f"[{value!r}]" if isinstance(value, str) else f"[{value}]"
        parts.append(name)
    return ".".join(parts)
