"""What OpenAI's requests have in common, and the parameters that Funland refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from funland_gateway.dialects.openai.fates import Fate, Refused
from funland_gateway.dialects.openai.parameter_table import CHAT, COMPLETION, RESPONSE
from funland_gateway.dialects.reading import JsonObject, unsupported

Refusals = Mapping[str, Callable[[Any], bool]]
"""By parameter: whether a value asks for something that Funland does not do."""


def _refusals(table: Mapping[str, Fate]) -> Refusals:
    return {name: fate.asks for name, fate in table.items() if isinstance(fate, Refused)}


CHAT_REFUSALS: Final = _refusals(CHAT)

COMPLETION_REFUSALS: Final = _refusals(COMPLETION)

RESPONSE_REFUSALS: Final = _refusals(RESPONSE)


def refuse(body: JsonObject, refusals: Refusals) -> None:
    """Fails with PARAMETER_UNSUPPORTED on the first parameter whose value can't be honoured.

    Passing over it would give another answer than the one that was asked for.
    """
    for name, value in body.items():
        asks = refusals.get(name)
        if asks is not None and value is not None and asks(value):
            raise unsupported(body.path_of(name), "this value is not supported yet.")


def read_metadata(body: JsonObject) -> dict[str, str]:
    """What is to be kept with an answer."""
    values = body.object("metadata")
    return {name: values.string(name) for name, _ in values.items()} if values is not None else {}


def wants_usage(body: JsonObject) -> bool:
    """Whether a stream is to end with a chunk that tells its usage."""
    options = body.object("stream_options")
    return options is not None and bool(options.boolean("include_usage"))
