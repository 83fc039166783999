"""A prompt in the dialects whose documents mean an answer: `raw` has it continued instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.reading import JsonObject, invalid
from funland_gateway.dialects.schemas import BOOLEAN, STRING, described

RAW: Final = "raw"
"""Ollama's name for it, whose clients know it."""


def read_prompt(body: JsonObject) -> str:
    """The prompt, which must say something."""
    prompt = body.string("prompt")
    if not prompt:
        raise invalid(body.path_of("prompt"), "must not be empty")
    return prompt


def as_message(body: JsonObject) -> bool:
    """Whether the prompt is what a user says, for the model's chat template."""
    return not body.boolean(RAW)


PROMPT_SCHEMAS: Final[Mapping[str, JsonSchema]] = {
    "prompt": described(
        STRING,
        "What to answer, through the model's chat template; continued as it is by a model that has"
        " none, or with `raw`.",
        minLength=1,
    ),
    RAW: described(BOOLEAN, "Continue the prompt as it is.", default=False),
}
