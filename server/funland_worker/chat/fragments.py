"""What callers write themselves of an answer's grammar: formats, and the schemas of arguments."""

from __future__ import annotations

import re

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import OutputFormat
from funland_worker.chat.tools import Function
from funland_worker.constraints.constraint import ANY_OBJECT, SchemaRule
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.gbnf import read
from funland_worker.constraints.lark import to_lark
from funland_worker.engines.protocol import EngineError

_JSON = "content_json"
_BARE_SLASH = re.compile(r"(?<!\\)((?:\\\\)*)/")
"""A slash that is not escaped yet."""


def arguments_rule(name: str, function: Function) -> SchemaRule:
    """What holds a function's arguments to its schema."""
    return SchemaRule(name, orjson.dumps(function.parameters).decode(), of_tool=True)


def content_grammar(content: OutputFormat) -> tuple[str, tuple[SchemaRule, ...]]:
    """What holds an answer's content to a format, in llguidance's form of Lark, and the rules that
    it refers to.

    Raises:
        EngineError: CONSTRAINT_INVALID or CONSTRAINT_LIMIT for a grammar that can't be read.
    """
    kind = content.WhichOneof("format")
    if kind in ("json_object", "json_schema"):
        schema = content.json_schema if kind == "json_schema" else ANY_OBJECT
        return _JSON, (SchemaRule(_JSON, schema),)
    if kind == "regex":
        pattern = _BARE_SLASH.sub(r"\1\/", content.regex).replace("\n", r"\n")
        return f"/{pattern}/", ()
    try:
        return f"%lark {{\n{to_lark(read(content.grammar))}}}", ()
    except GrammarError as error:
        reason = ErrorReason.CONSTRAINT_LIMIT if error.limit else ErrorReason.CONSTRAINT_INVALID
        raise EngineError(reason, f"The grammar can't be used: {error.message}.") from error
