"""A constraint made to take for ever is refused soon, by itself, and hurts nobody."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.constraints.constraint import Constraint, Kind
from funland_worker.engines.protocol import EngineError, Matcher, Prompt
from tests.worker.conftest import GREEDY, STORY, Driver

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 60.0
"""Two of processor time in the process that is ended by then, and what a busy machine adds: what
is not ended takes hours."""

SHORT = replace(GREEDY, max_tokens=30, ignore_end=True)

INVALID, LIMIT = ErrorReason.CONSTRAINT_INVALID, ErrorReason.CONSTRAINT_LIMIT


def schema(**keywords: Any) -> str:
    return json.dumps(keywords)


def nested(depth: int) -> str:
    return '{"items":' * depth + "{}" + "}" * depth


def rules(count: int, body: str, last: str) -> str:
    middle = (f"r{index} ::= {body.format(index + 1)}" for index in range(count))
    return "\n".join(["root ::= r0", *middle, f"r{count} ::= {last}"])


def points(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


ENDLESS = schema(type="integer", multipleOf=1000003)
LATE = schema(
    type="object",
    properties={"a": {"type": "string", "pattern": "^x(abc){1000000}$"}},
    required=["a"],
)

REFUSED: list[tuple[str, Kind, str, int]] = [
    ("a huge repetition", "regex", "a{4000000000}", LIMIT),
    ("a long repetition", "regex", "(abc){1000000}", LIMIT),
    ("deep brackets", "regex", "(" * 20000 + "a" + ")" * 20000, INVALID),
    ("look-ahead", "regex", "(?=a)b", INVALID),
    ("a back reference", "regex", r"(a)\1", INVALID),
    ("half an expression", "regex", "a(", INVALID),
    ("nothing at all", "regex", r"[^\s\S]", INVALID),
    ("a deep schema", "json_schema", nested(10000), LIMIT),
    ("a schema that is itself", "json_schema", schema(**{"$ref": "#"}), INVALID),
    (
        "two that are each other",
        "json_schema",
        schema(**{"$ref": "#/$defs/a", "$defs": {"a": points("b"), "b": points("a")}}),
        INVALID,
    ),
    ("a huge enum", "json_schema", schema(enum=[f"value {n}" for n in range(50000)]), LIMIT),
    (
        "many combinations",
        "json_schema",
        schema(
            allOf=[
                {"anyOf": [{"properties": {f"p{i}_{j}": {"type": "string"}}} for j in range(10)]}
                for i in range(8)
            ]
        ),
        LIMIT,
    ),
    ("a division without end", "json_schema", ENDLESS, LIMIT),
    (
        "several of them",
        "json_schema",
        schema(allOf=[{"type": "integer", "multipleOf": n} for n in (9973, 9967, 9949)]),
        LIMIT,
    ),
    ("half a schema", "json_schema", "{", INVALID),
    ("an integer that no float holds", "json_schema", schema(const=2**53 + 1), INVALID),
    ("the lowest of 64 bits", "json_schema", schema(enum=[["a", {"b": -(2**63)}]]), INVALID),
    ("an unknown type", "json_schema", schema(type="thing"), INVALID),
    ("what can't be", "json_schema", schema(type="integer", minimum=5, maximum=3), INVALID),
    ("no root", "gbnf", 'a ::= "b"', INVALID),
    ("an unknown rule", "gbnf", "root ::= thing", INVALID),
    ("no grammar", "gbnf", "\\", INVALID),
    ("deep parentheses", "gbnf", "root ::= " + "(" * 5000 + '"a"' + ")" * 5000, LIMIT),
    ("a text without end", "gbnf", 'root ::= "a" root', LIMIT),
    ("a long chain", "gbnf", rules(30000, "r{0}", '"x"'), LIMIT),
    ("a chain that doubles", "gbnf", rules(40, "r{0} r{0}", '"x"'), LIMIT),
    ("one that comes back", "gbnf", rules(40, "r{0} r{0}", '"x" | root'), LIMIT),
    ("deep Lark", "lark", "start: " + "(" * 200000 + '"a"' + ")" * 200000, LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "reason"), [pytest.param(*bomb[1:], id=bomb[0]) for bomb in REFUSED]
)
async def test_what_blows_up_is_refused_soon(
    compiler: ConstraintCompiler, kind: Kind, text: str, reason: ErrorReason.ValueType
) -> None:
    begin = monotonic()

    with pytest.raises(EngineError) as raised:
        await compiler.compile(Constraint(kind, text))

    assert monotonic() - begin < SECONDS
    assert raised.value.reason == reason
    assert len(raised.value.message) < 400


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param("regex", "((a{1,1000}){1,1000}){1,1000}", id="nested repetitions"),
        pytest.param("regex", "^(a+)+$", id="nested stars"),
        pytest.param("regex", "(a|b)*a(a|b){200}", id="an automaton of 2^200 states"),
        pytest.param("regex", r"(\w{1,500}\s?){1,500}", id="nested repetitions of letters"),
        pytest.param("gbnf", 'root ::= root "a" | "b"', id="left recursion"),
        pytest.param("gbnf", 'root ::= root root | ""', id="left recursion on nothing"),
        pytest.param(
            "gbnf", "root ::= b{1,99999}\nb ::= c{1,99999}\nc ::= root | [a-z]", id="rules"
        ),
    ],
)
async def test_what_only_looks_like_a_bomb_is_followed_or_refused_soon(
    compiler: ConstraintCompiler, long_driver: Driver, kind: Kind, text: str
) -> None:
    begin = monotonic()

    with suppress(EngineError):
        matcher = (await compiler.compile(Constraint(kind, text)))()
        for _ in range(40):
            matcher.accept(first_allowed(matcher, long_driver.engine.vocabulary_size))

    assert monotonic() - begin < SECONDS


def first_allowed(matcher: Matcher, size: int) -> int:
    scores = np.zeros(size, np.float32)
    matcher.mask(scores)
    return int(scores.argmax())


async def test_a_remote_reference_is_not_fetched(compiler: ConstraintCompiler) -> None:
    visits: list[object] = []
    server = await asyncio.start_server(lambda reader, _: visits.append(reader), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    with pytest.raises(EngineError) as raised:
        await compiler.compile(
            Constraint("json_schema", schema(**{"$ref": f"http://127.0.0.1:{port}/schema.json"}))
        )

    server.close()
    assert raised.value.reason == INVALID
    assert not visits


async def test_a_bomb_takes_nothing_from_others(compiler: ConstraintCompiler) -> None:
    await compiler.compile(Constraint("json_object"))
    bomb = asyncio.create_task(compiler.compile(Constraint("json_schema", ENDLESS)))
    await asyncio.sleep(0)

    known = await compiler.compile(Constraint("json_object"))
    was_at_once = not bomb.done()
    new = await compiler.compile(Constraint("regex", "after [a-z]+"))

    assert was_at_once
    assert known()
    assert new()
    with pytest.raises(EngineError):
        await bomb


async def test_a_caller_that_goes_away_takes_nothing_from_the_others(
    compiler: ConstraintCompiler,
) -> None:
    constraint = Constraint("regex", "shared [a-z]+")
    leaving = asyncio.create_task(compiler.compile(constraint))
    staying = asyncio.create_task(compiler.compile(constraint))
    await asyncio.sleep(0)

    leaving.cancel()

    assert (await staying)()


async def test_a_format_that_leads_nowhere_is_no_bomb(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    empty = {"type": "null"}
    nowhere = schema(
        type="object",
        properties={"a": empty},
        patternProperties={"^a$": empty},
        additionalProperties=False,
    )
    matcher = (await compiler.compile(Constraint("json_schema", nowhere)))()
    scores = np.zeros(long_driver.engine.vocabulary_size, np.float32)
    for token in long_driver.tokens('{"a":null, '):
        matcher.mask(scores)
        matcher.accept(token)

    with pytest.raises(EngineError) as raised:
        matcher.mask(scores)

    assert raised.value.reason == INVALID
    assert "contradicts itself" in raised.value.message


async def test_a_bomb_in_the_middle_of_a_text_fails_that_text_alone(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    alone = long_driver.complete(sampling=SHORT)[0]
    matcher = (await compiler.compile(Constraint("json_schema", LATE)))()
    long_driver.submit(1, sampling=SHORT)
    long_driver.texts[2] = ""
    long_driver.engine.submit(Prompt(2, long_driver.tokens(STORY), GREEDY, 0.0, matcher=matcher))

    reports = long_driver.run()

    ((failed, error),) = (failure for report in reports for failure in report.failures)
    assert (failed, error.reason) == (2, LIMIT)
    assert "in the middle of the text" in error.message
    assert long_driver.texts[1] == alone
    assert 2 not in long_driver.outcomes
