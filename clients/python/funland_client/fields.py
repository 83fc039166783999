"""Fills messages field by field, so that a value which one can't hold names its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from funland.v1.errors_pb2 import FieldViolation
from funland_client.errors import InvalidRequestError

Filled = TypeVar("Filled", bound=Message)


def filled(kind: type[Filled], path: str, values: Mapping[str, Any]) -> Filled:
    """Makes a message; the name of an enum's value may be written in lower case.

    What the contract's types can't hold is refused as what its rules forbid is, by the server:
    raises InvalidRequestError with the field's name after `path`, which may be empty.
    """
    message = kind()
    enums = kind.DESCRIPTOR.fields_by_name
    for field, value in values.items():
        named = isinstance(value, str) and enums[field].enum_type is not None
        try:
            message.MergeFrom(kind(**{field: value.upper() if named else value}))
        except UnicodeError:  # It is the text that is wrong, wherever it was meant to go.
            raise
        except ValueError as error:
            raise refusal(f"{path}.{field}" if path else field, str(error)) from error
    return message


def refusal(field: str, description: str) -> InvalidRequestError:
    """The error that tells that a field of the request is wrong."""
    return InvalidRequestError(
        f"{field}: {description}",
        reason="FIELD_INVALID",
        code=grpc.StatusCode.INVALID_ARGUMENT,
        field_violations=[FieldViolation(field=field, description=description)],
    )
