"""Checks requests against the rules in the contract."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from google.protobuf.message import Message

from funland_server.errors import FieldInvalidError, Violation

_LONGEST_PATH = 80
_MOST = 10
"""Violations that are told: a status is a gRPC trailer, which holds 8 KB, and clients drop more."""


def validate(request: Message) -> None:
    """Raises FieldInvalidError if the request breaks a rule, with the first fields that do."""
    # What checks is a twentieth of a start. The first request needs it, and no start does.
    import protovalidate  # noqa: PLC0415 - as above

    violations = [
        Violation(_place(violation.proto)[:_LONGEST_PATH], violation.proto.message)
        for violation in protovalidate.collect_violations(request)[:_MOST]
    ]
    if violations:
        raise FieldInvalidError(violations)


def get_ready() -> None:
    """Imports what checks, which the first request would wait for."""
    import_module("protovalidate")


def _place(violation: Any) -> str:
    """The field that breaks a rule. One for a whole message has an id that ends with the name of
    the field to blame."""
    path = _path(violation.field)
    if violation.rule is not None:
        return path
    field = violation.rule_id.rpartition(".")[2]
    return f"{path}.{field}" if path else field


def _path(path: object) -> str:
    """`messages[0].role`, `sampling.logit_bias[7]`: as the field is written in JSON."""
    parts: list[str] = []
    for element in getattr(path, "elements", ()):
        name = element.field_name
        subscript = element.subscript
        if subscript is not None:
            value = subscript.value
            name += f"[{value!r}]" if isinstance(value, str) else f"[{value}]"
        parts.append(name)
    return ".".join(parts)
