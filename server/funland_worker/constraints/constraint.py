"""What a text may be asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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

ANY_OBJECT = '{"type": "object"}'
"""The JSON Schema of `json_object`."""


@dataclass(frozen=True, slots=True)
class SchemaRule:
    """A rule of a grammar in Lark that is JSON of a schema."""

    name: str
    schema: str
    """The JSON Schema, as its author wrote it."""
    of_tool: bool = False
    """Whether it is for a function's arguments, and not for an answer's content."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A form for texts, as its author wrote it; `lark` is llguidance's form of a grammar, see
    https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md."""

    kind: Kind
    text: str = ""
    schemas: tuple[SchemaRule, ...] = ()
    """What a text in Lark refers to. They are read where it does no harm if that takes long."""


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
