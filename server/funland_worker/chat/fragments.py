"""What callers write themselves of an answer's grammar: formats, and the schemas of arguments."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import OutputFormat
from funland_worker.chat.tools import Function
from funland_worker.constraints.constraint import JSON_RULES
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.gbnf import read
from funland_worker.constraints.lark import to_lark
from funland_worker.constraints.schema import settle
from funland_worker.engines.protocol import EngineError

_TOOL_RULES = {**JSON_RULES, "lenient": True, "whitespace_pattern": " "}
"""Keywords that can't be enforced are passed over: the schemas of many tools have some, for models
and people to read. Calls are for programs: they need no lines and indents, in which a small model
that is forced to call loses itself."""

_BARE_SLASH = re.compile(r"(?<!\\)((?:\\\\)*)/")
"""A slash that is not escaped yet."""


def arguments_schema(function: Function) -> str:
    """What holds a function's arguments to its schema, in llguidance's form."""
    schema = orjson.loads(orjson.dumps(function.parameters))  # a copy
    settle(schema, lenient=True)
    if "type" not in schema and "$ref" not in schema:  # some leave that to be guessed
        schema = {"type": "object", **schema}
    return _schema(schema, _TOOL_RULES)


def content_grammar(content: OutputFormat) -> str:
    """What holds an answer's content to a format, in llguidance's form of Lark.

    Raises:
        EngineError: CONSTRAINT_INVALID or CONSTRAINT_LIMIT for what can't be read.
    """
    kind = content.WhichOneof("format")
    if kind == "json_object":
        return f"SPACE? %json {_schema({'type': 'object'}, JSON_RULES)}"
    if kind == "json_schema":
        return f"SPACE? %json {_schema(_parsed(content.json_schema), JSON_RULES)}"
    if kind == "regex":
        pattern = _BARE_SLASH.sub(r"\1\/", content.regex).replace("\n", r"\n")
        return f"/{pattern}/"
    try:
        return f"%lark {{\n{to_lark(read(content.grammar))}}}"
    except GrammarError as error:
        reason = ErrorReason.CONSTRAINT_LIMIT if error.limit else ErrorReason.CONSTRAINT_INVALID
        raise EngineError(reason, f"The grammar can't be used: {error.message}.") from error


def _parsed(schema: str) -> Any:
    try:
        parsed = json.loads(schema)
        settle(parsed)
    except (ValueError, RecursionError) as error:
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID, f"The JSON Schema is not JSON: {error}"
        ) from error
    except GrammarError as error:
        raise EngineError(
            ErrorReason.CONSTRAINT_INVALID, f"The JSON Schema can't be used: {error.message}."
        ) from error
    return parsed


def _schema(schema: Any, rules: dict[str, Any]) -> str:
    """The schema with rules for how its JSON is written; true and false are schemas too."""
    if not isinstance(schema, dict):
        schema = {"allOf": [schema]}
    return json.dumps({**schema, "x-guidance": rules})
