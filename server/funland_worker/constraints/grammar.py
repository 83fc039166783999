"""Makes llguidance's grammars and the first state of texts that follow them."""

from __future__ import annotations

import re

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from funland_worker.constraints.constraint import ANY_OBJECT, Constraint
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.gbnf import read
from funland_worker.constraints.json_text import json_grammar
from funland_worker.constraints.lark import to_lark

SPECIAL = b"\xff"
"""Begins the name of a token that is no text: no text has this byte. llguidance's convention."""

# A fifth of the usual fuel: it is also what a grammar may use up at its first mask, which took
# 0.9 s with all of it. The rest are llguidance's own limits; a step may take some 20 ms.
_LIMITS = LLParserLimits(initial_lexer_fuel=200_000, verbose_errors=False)

_TOO_MUCH = re.compile(
    r"too (big|large|many|complex|deep)|fuel|limit|recursion|max is", re.IGNORECASE
)
_NOTHING = "NoExtension"
_ONE_OF = "oneOf constraints are not supported"
_PLACE = re.compile(r"^((at )?\d+\(\d+\): )?(failed to compile JSON schema: )?")
_SOURCE = re.compile(r"\n\s*\d+ \| ")
"""Where an error begins to show the grammar, which is not as the caller wrote it."""


def to_grammar(constraint: Constraint) -> str:
    """A constraint as llguidance's grammar, which may still have faults that `matcher` finds.

    Raises:
        GrammarError: It can't be read, or is too large.
    """
    text = constraint.text
    match constraint.kind:
        case "json_object":
            return _json(ANY_OBJECT)
        case "json_schema":
            return _json(text)
        case "gbnf":
            return LLMatcher.grammar_from_lark(to_lark(read(text)))
        case "regex":
            return LLMatcher.grammar_from_regex(text)
        case "lark":
            rules = (
                f"{rule.name}: %json {json_grammar(rule.schema, of_tool=rule.of_tool)}\n"
                for rule in constraint.schemas
            )
            return LLMatcher.grammar_from_lark("".join((text, *rules)))


def _json(schema: str) -> str:
    try:
        return LLMatcher.grammar_from_json_schema(json_grammar(schema))
    except ValueError as error:
        raise _problem(str(error)) from error


def matcher(grammar: str, tokenizer: LLTokenizer) -> LLMatcher:
    """The state before the first token of a text. The first two masks are computed, so that most
    grammars that are too large are found here, and not when all texts of the engine wait for it.

    Raises:
        GrammarError: The grammar has a fault, is too large, or allows no text at all.
    """
    start = LLMatcher(tokenizer, grammar, log_level=0, limits=_LIMITS)
    mask = _mask(start)
    second = start.deep_copy()
    if not second.is_stopped():
        second.consume_token(_first(mask))
        _mask(second)
    return start


def _mask(state: LLMatcher) -> bytes:
    mask = b"" if state.is_stopped() else state.compute_bitmask()
    if state.is_error():
        raise _problem(state.get_error())
    return mask


def _first(mask: bytes) -> int:
    """The first token that a mask allows; there is one."""
    byte = next(index for index, bits in enumerate(mask) if bits)
    return 8 * byte + (mask[byte] & -mask[byte]).bit_length() - 1


def _problem(error: str) -> GrammarError:
    if error.startswith(_NOTHING):
        return GrammarError("no text can match it")
    if _ONE_OF in error:
        return GrammarError(
            "it has a oneOf that more than one of its schemas could fit, which can't be enforced:"
            " make it an anyOf, or give each a required property with a const of its own"
        )
    told = _SOURCE.split(error.replace("<non-verbose/>", ""), maxsplit=1)[0]
    words = " ".join(_PLACE.sub("", told).split())
    return GrammarError(words.rstrip(".")[:300], limit=bool(_TOO_MUCH.search(error)))
