"""What a text may be asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # the process that checks constraints starts sooner without it
    from funland.v1.inference_pb2 import OutputFormat

Kind = Literal["json_object", "json_schema", "gbnf", "regex", "lark"]

NAMES: dict[Kind, str] = {
    "json_object": "JSON object",
    "json_schema": "JSON Schema",
    "gbnf": "grammar",
    "regex": "regular expression",
    "lark": "form of the answer",
}
"""What a kind is called in messages."""

JSON_RULES: dict[str, Any] = {
    "item_separator": ",",
    "key_separator": ":",
    "whitespace_flexible": True,
    "whitespace_pattern": r" |\n[ \t]{0,32}",
    "coerce_one_of": False,
    "lenient": False,
}
"""How JSON is written: llguidance's options, in a schema of Lark's `%json` under `x-guidance`.

Between two parts there may be one space, or one line's end and an indent. More would let a small
model that is at a loss write whitespace for ever; none at all is not how models learned JSON.
A schema that says what can't be enforced is refused.
"""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A form for texts, as its author wrote it; `lark` is llguidance's form of a grammar, see
    https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md."""

    kind: Kind
    text: str = ""


def from_wire(output_format: OutputFormat) -> Constraint | None:
    """What a request asks for; None: any text."""
    match output_format.WhichOneof("format"):
        case "json_object":
            return Constraint("json_object")
        case "json_schema":
            return Constraint("json_schema", output_format.json_schema)
        case "grammar":
            return Constraint("gbnf", output_format.grammar)
        case "regex":
            return Constraint("regex", output_format.regex)
        case None:
            return None
