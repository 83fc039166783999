"""What an answer must be: `response_format`, and the names that other servers have for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    STRING,
    any_of,
    array_of,
    described,
    object_with,
    one_of_values,
)

_METACHARACTERS = re.compile(r"[\\.+*?()|\[\]{}^$]")


@dataclass(frozen=True, slots=True)
class Format:
    """What an answer must be, and the field of the request that says so."""

    wire: inference_pb2.OutputFormat
    name: str


def read_format(body: JsonObject) -> Format | None:
    """Reads the one field that says what the answer must be; None: any text."""
    found: Format | None = None
    for name, read in _FIELDS.items():
        if body.raw(name) in (None, ""):
            continue
        wire = read(body, name)
        if wire is None:
            continue
        if found is not None:
            raise invalid(body.path_of(name), f"can't be given together with {found.name}")
        found = Format(wire, body.path_of(name))
    return found


def json_schema(body: JsonObject, name: str) -> inference_pb2.OutputFormat:
    """A JSON Schema, as an object or as its text."""
    return inference_pb2.OutputFormat(json_schema=schema_text(body, name))


def json_object() -> inference_pb2.OutputFormat:
    """Any JSON object."""
    wire = inference_pb2.OutputFormat()
    wire.json_object.SetInParent()
    return wire


def schema_text(body: JsonObject, name: str) -> str:
    """The text of a JSON Schema that must be there, as an object or as its text."""
    value = body.raw(name)
    if value is None:
        raise missing(body.path_of(name))
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise malformed(body.path_of(name), "a JSON Schema")
    return orjson.dumps(value).decode()


def _response_format(body: JsonObject, name: str) -> inference_pb2.OutputFormat | None:
    wanted = JsonObject.read(body.raw(name), body.path_of(name))
    kind = wanted.string("type")
    if kind == "text":
        return None
    if kind == "json_object":
        # llama-server takes a schema here.
        return json_object() if wanted.raw("schema") is None else json_schema(wanted, "schema")
    if kind == "json_schema":
        inner = wanted.object("json_schema")
        return json_schema(wanted if inner is None else inner, "schema")
    if kind == "structural_tag":
        raise unsupported(wanted.path_of("type"), "this value is not supported.")
    raise invalid(wanted.path_of("type"), "must be one of text, json_object, json_schema")


def _grammar(body: JsonObject, name: str) -> inference_pb2.OutputFormat:
    return inference_pb2.OutputFormat(grammar=body.string(name))


def _regex(body: JsonObject, name: str) -> inference_pb2.OutputFormat:
    return inference_pb2.OutputFormat(regex=body.string(name))


def _choice(body: JsonObject, name: str) -> inference_pb2.OutputFormat:
    choices = body.strings(name)
    if not choices:
        raise invalid(body.path_of(name), "must have at least one item")
    # Not re.escape, which escapes more than regular expressions of other engines know.
    escaped = (_METACHARACTERS.sub(r"\\\g<0>", choice) for choice in choices)
    return inference_pb2.OutputFormat(regex=f"({'|'.join(escaped)})")


def _json_object(body: JsonObject, name: str) -> inference_pb2.OutputFormat | None:
    return json_object() if body.boolean(name) else None


def _structured_outputs(body: JsonObject, name: str) -> inference_pb2.OutputFormat | None:
    wanted = JsonObject.read(body.raw(name), body.path_of(name))
    if wanted.raw("structural_tag") is not None:
        raise unsupported(wanted.path_of("structural_tag"), "this value is not supported.")
    for kind, read in _STRUCTURED.items():
        if wanted.raw(kind) is not None:
            return read(wanted, kind)
    return None


_Read = Callable[[JsonObject, str], inference_pb2.OutputFormat | None]

_STRUCTURED: Final[Mapping[str, _Read]] = {
    "json": json_schema,
    "regex": _regex,
    "choice": _choice,
    "grammar": _grammar,
    "json_object": _json_object,
}

_FIELDS: Final[Mapping[str, _Read]] = {
    "response_format": _response_format,
    # llama-server's.
    "grammar": _grammar,
    "json_schema": json_schema,
    # vLLM's.
    "guided_json": json_schema,
    "guided_regex": _regex,
    "guided_choice": _choice,
    "guided_grammar": _grammar,
    "structured_outputs": _structured_outputs,
}

_SCHEMA: Final[JsonSchema] = described({"type": "object"}, "A JSON Schema.")
_GRAMMAR: Final[JsonSchema] = described(STRING, "A grammar in GBNF.")
_REGEX: Final[JsonSchema] = described(STRING, "What the whole text must match.")
_CHOICE: Final[JsonSchema] = described(
    {**array_of(STRING), "minItems": 1}, "The text is one of these."
)

FORMAT_SCHEMAS: Final[Mapping[str, JsonSchema]] = {
    "response_format": object_with(
        {
            "type": one_of_values("text", "json_object", "json_schema"),
            "json_schema": object_with(
                {"name": STRING, "schema": _SCHEMA, "strict": BOOLEAN}, ("schema",)
            ),
        },
        ("type",),
    ),
    "grammar": _GRAMMAR,
    "json_schema": _SCHEMA,
    "guided_json": any_of(_SCHEMA, STRING),
    "guided_regex": _REGEX,
    "guided_choice": _CHOICE,
    "guided_grammar": _GRAMMAR,
    "structured_outputs": object_with(
        {
            "json": any_of(_SCHEMA, STRING),
            "regex": _REGEX,
            "choice": _CHOICE,
            "grammar": _GRAMMAR,
            "json_object": BOOLEAN,
        }
    ),
}
"""The schemas of the fields that are read here; at most one of them may say something."""
