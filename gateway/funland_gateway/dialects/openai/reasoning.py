"""Whether a model thinks before it answers, and what else its chat template is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from funland_gateway.dialects.reading import JsonObject, invalid

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

_SWITCH: Final = "enable_thinking"


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a request says about thinking."""

    wanted: bool | None
    """None: as the model's template has it."""
    template_arguments: str
    """A JSON object as text, or empty."""


def read_reasoning(body: JsonObject) -> Reasoning:
    """Reads `enable_thinking`, `chat_template_kwargs` and `reasoning_effort`.

    The first of them that says whether to think counts. The effort is told to the template too:
    some write it into the prompt.
    """
    kwargs = body.object("chat_template_kwargs")
    arguments = {} if kwargs is None else dict(kwargs.items())
    told = None
    if kwargs is not None and isinstance(kwargs.raw(_SWITCH), bool):
        told = kwargs.boolean(_SWITCH)
        del arguments[_SWITCH]
    effort = read_effort(body, "reasoning_effort")
    if effort not in (None, "none"):
        arguments.setdefault("reasoning_effort", effort)
    switch = body.boolean(_SWITCH)
    wanted = next((each for each in (switch, told) if each is not None), wants_thought(effort))
    return Reasoning(wanted, _text(arguments))


def read_effort(body: JsonObject, name: str) -> str | None:
    """How much thought is wanted, in OpenAI's words; None: it isn't said."""
    effort = body.optional_string(name)
    if effort and effort not in EFFORTS:
        raise invalid(body.path_of(name), f"must be one of {', '.join(EFFORTS)}")
    return effort or None


def wants_thought(effort: str | None) -> bool | None:
    """Whether an effort asks for any thought."""
    return None if effort is None else effort != "none"


def _text(arguments: dict[str, Any]) -> str:
    return orjson.dumps(arguments).decode() if arguments else ""
