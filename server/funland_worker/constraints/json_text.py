"""Makes llguidance's grammar of the JSON Schemas that callers write."""

from __future__ import annotations

import json
from typing import Any, cast

from funland_worker.constraints.closing import close
from funland_worker.constraints.contradictions import settle_contradictions
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.exclusive import settle_exclusive
from funland_worker.constraints.property_names import settle_names
from funland_worker.constraints.references import settle_references
from funland_worker.constraints.schema import settle
from funland_worker.constraints.spelling import settle_spelling
from funland_worker.constraints.unasked import settle_unasked

_CONTENT_RULES: dict[str, Any] = {
    "item_separator": r",( |\n[ \t]{0,32})?",
    "key_separator": ": ?",
    "whitespace_flexible": False,
    "coerce_one_of": False,
    "lenient": False,
}
"""How JSON is written: llguidance's options, in a schema under `x-guidance`.

There may be one space behind a colon or a comma, or behind a comma one line's end and an indent.
More would let a small model that is at a loss write whitespace for ever, and before a colon or a
comma no model writes any. A schema that says what can't be enforced is refused.
"""

_TOOL_RULES = {**_CONTENT_RULES, "item_separator": ", ?", "lenient": True}
"""Keywords that can't be enforced are passed over: the schemas of many tools have some, for models
and people to read. Calls are for programs: they need no lines and indents, in which a small model
that is forced to call loses itself."""

_DEEPEST = "it is nested too deeply"


def json_grammar(schema: str, *, of_tool: bool = False) -> str:
    """A schema as what follows `%json` in llguidance's form of Lark. `of_tool`: it is that of a
    function's arguments.

    Raises:
        GrammarError: It is not JSON, contradicts itself, is too large, or asks for what can't be
            enforced, as far as that is seen before it is compiled.
    """
    try:
        parsed = json.loads(schema, parse_constant=_refuse)
    except ValueError as error:
        raise GrammarError(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise GrammarError(_DEEPEST, limit=True) from error
    try:
        settled = _settled(parsed, of_tool=of_tool)
        rules = _TOOL_RULES if of_tool else _CONTENT_RULES
        return json.dumps({**settled, "x-guidance": rules})
    except RecursionError as error:
        raise GrammarError(_DEEPEST, limit=True) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _settled(parsed: Any, *, of_tool: bool) -> dict[str, Any]:
    if of_tool and isinstance(parsed, dict):
        parsed = _of_arguments(cast("dict[str, Any]", parsed))
    settle_references(parsed)
    settle_spelling(parsed)
    settle(parsed, lenient=of_tool)
    settle_names(parsed, lenient=of_tool)
    settle_exclusive(parsed, lenient=of_tool)
    settle_unasked(parsed)
    close(parsed)
    settle_contradictions(parsed)
    # True and false are schemas too.
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {"allOf": [parsed]}


def _of_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """A function's parameters, for arguments that are an object: some leave that to be guessed, or
    let them be null too."""
    node = {key: value for key, value in schema.items() if key != "nullable"}
    if isinstance(node.get("type"), list | None):
        node.pop("type", None)
        return node if "$ref" in node else {"type": "object", **node}
    return node
