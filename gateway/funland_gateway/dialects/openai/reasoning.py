"""Whether a model thinks before it answers, and what else its chat template is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.reading import JsonObject, invalid
from funland_gateway.dialects.schemas import BOOLEAN, described

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_SWITCH: Final = "enable_thinking"

THINKING_SCHEMAS: Final[Mapping[str, JsonSchema]] = {
    _SWITCH: described(BOOLEAN, "Whether to think before the answer."),
    "chat_template_kwargs": described({"type": "object"}, "More variables for the chat template."),
}
"""Of what `read_reasoning` reads."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a request says about thinking."""

    wanted: bool | None
    """None: as the model's template has it."""
    template_arguments: str
    """A JSON object as text, or empty."""


def read_reasoning(body: JsonObject, effort: str | None) -> Reasoning:
    """Reads `enable_thinking` and `chat_template_kwargs`, beside an effort that was read.

    The first of them that says whether to think counts, the effort last. It is told to the template
    too: some write it into the prompt.
    """
    kwargs = body.object("chat_template_kwargs")
    arguments = {} if kwargs is None else dict(kwargs.items())
    told = None
    if kwargs is not None and isinstance(kwargs.raw(_SWITCH), bool):
        told = kwargs.boolean(_SWITCH)
        del arguments[_SWITCH]
    if effort not in (None, "none"):
        arguments.setdefault("reasoning_effort", effort)
    switch = body.boolean(_SWITCH)
    wanted = next((each for each in (switch, told) if each is not None), _wants_thought(effort))
    return Reasoning(wanted, _text(arguments))


def read_effort(body: JsonObject, name: str) -> str | None:
    """How much thought is wanted, in OpenAI's words; None: it isn't said."""
    effort = body.optional_string(name)
    if effort and effort not in EFFORTS:
        raise invalid(body.path_of(name), f"must be one of {', '.join(EFFORTS)}")
    return effort or None


def _wants_thought(effort: str | None) -> bool | None:
    """Whether an effort asks for any thought."""
    return None if effort is None else effort != "none"


def _text(arguments: dict[str, Any]) -> str:
    return orjson.dumps(arguments).decode() if arguments else ""
