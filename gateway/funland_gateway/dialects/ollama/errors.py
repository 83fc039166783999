"""The `ollama` dialect's error body: a text, and the HTTP status beside it."""

from __future__ import annotations

from typing import Any, Final

from funland.v1.errors_pb2 import Error
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.dialects.openai.errors import message


def error_body(error: Error) -> dict[str, Any]:
    """`error` is a sentence, with the field that is wrong at its beginning. An object there would
    be shown to people as it is."""
    return {"error": message(error)}


ENVELOPE: Final = Envelope(failure=error_body, stream_failure=error_body)
