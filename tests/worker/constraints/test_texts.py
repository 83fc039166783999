"""What the embedded model writes under a constraint follows it, however hot it is sampled."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Literal

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from funland.v1.inference_pb2 import Finish
from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.constraints.constraint import Constraint
from funland_worker.engines.protocol import Sampling
from tests.worker.conftest import GREEDY, Driver
from tests.worker.constraints.conftest import Write

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOT = Sampling(temperature=1.0, top_k=0, top_p=1, min_p=0)

Short = Annotated[str, StringConstraints(max_length=12)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Person(Strict):
    name: Short
    age: Annotated[int, Field(ge=0, le=150)]
    nick: Short | None


class Colour(StrEnum):
    RED = "red"
    GREEN = "dark green"
    ODD = 'a "quoted" \\ 红'


class Palette(Strict):
    colours: Annotated[list[Colour], Field(min_length=1, max_length=3)]
    id: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-\d{4}$")]


class Leaf(Strict):
    kind: Literal["leaf"]
    value: bool


class Branch(Strict):
    kind: Literal["branch"]
    left: Leaf
    right: Leaf


class Tree(Strict):
    root: Leaf | Branch


@pytest.mark.parametrize("shape", [Person, Palette, Tree])
async def test_json_of_a_schema_is_valid(
    compiler: ConstraintCompiler, write: Write, shape: type[BaseModel]
) -> None:
    schema = orjson.dumps(shape.model_json_schema()).decode()
    make = await compiler.compile(Constraint("json_schema", schema))

    for seed in range(6):
        text, outcome = write(make, replace(HOT, seed=seed))

        assert outcome.reason == Finish.STOP
        shape.model_validate_json(text)


async def test_a_json_object_is_one(compiler: ConstraintCompiler, write: Write) -> None:
    make = await compiler.compile(Constraint("json_object"))
    ended = 0

    for seed in range(8):
        text, outcome = write(make, replace(HOT, seed=seed, max_tokens=300))

        assert text.startswith("{")
        if outcome.reason == Finish.STOP:
            assert isinstance(orjson.loads(text), dict)
            ended += 1

    assert ended


async def test_json_has_no_more_than_one_space_or_indent_in_a_place(
    compiler: ConstraintCompiler, write: Write, long_driver: Driver
) -> None:
    make = await compiler.compile(Constraint("json_object"))
    vocabulary = long_driver.engine.vocabulary
    spaces = [token for token in range(vocabulary.size) if vocabulary.piece(token).isspace()]
    eager = replace(GREEDY, max_tokens=60, logit_bias=dict.fromkeys(spaces, 100.0))

    text, _ = write(make, eager)

    assert text[0] == "{"
    assert len(text) - len(text.lstrip("{ \t\n")) <= len("{\n") + 32


@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z][a-z]{2,8}( [a-z]{1,6}){1,3}\.",
        r"\d{4}-(0[1-9]|1[0-2])-[0-3]\d",
        r"(yes|no|不知道)",
        r"a*b",
        r"",
    ],
)
async def test_a_regular_expression_matches_from_begin_to_end(
    compiler: ConstraintCompiler, write: Write, pattern: str
) -> None:
    make = await compiler.compile(Constraint("regex", pattern))

    for seed in range(4):
        text, outcome = write(make, replace(HOT, seed=seed, max_tokens=100))

        if outcome.reason == Finish.STOP:
            assert re.fullmatch(pattern, text)
        else:
            assert re.fullmatch("a+", text), "only of `a*` there is no end"


async def test_a_grammar_is_followed(compiler: ConstraintCompiler, write: Write) -> None:
    grammar = 'root ::= item{2,3}\nitem ::= "- " [a-z]{1,8} "\\n"'
    make = await compiler.compile(Constraint("gbnf", grammar))

    for seed in range(4):
        text, outcome = write(make, replace(HOT, seed=seed))

        assert outcome.reason == Finish.STOP
        assert re.fullmatch(r"(- [a-z]{1,8}\n){2,3}", text)


async def test_a_text_that_max_tokens_cut_off_ends_with_length(
    compiler: ConstraintCompiler, write: Write
) -> None:
    make = await compiler.compile(Constraint("regex", r"[a-z ]{200}"))

    text, outcome = write(make, replace(HOT, seed=1, max_tokens=5))

    assert outcome.reason == Finish.LENGTH
    assert re.fullmatch(r"[a-z ]+", text)


async def test_a_constraint_that_allows_all_changes_nothing(
    compiler: ConstraintCompiler, write: Write, long_driver: Driver
) -> None:
    make = await compiler.compile(Constraint("regex", r"(?s:.*)"))
    free = long_driver.complete(sampling=replace(GREEDY, max_tokens=60))

    bound = write(make, replace(GREEDY, max_tokens=60))

    assert bound[0] == free[0]
    assert bound[1].reason == free[1].reason


async def test_a_text_keeps_its_form_when_it_goes_on_after_its_end(
    compiler: ConstraintCompiler, write: Write
) -> None:
    make = await compiler.compile(Constraint("regex", "abc"))

    text, outcome = write(make, replace(HOT, seed=1, ignore_end=True, max_tokens=20))

    assert text == "abc"
    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 20)


async def test_texts_of_one_constraint_do_not_disturb_each_other(
    compiler: ConstraintCompiler, write: Write
) -> None:
    make = await compiler.compile(Constraint("regex", r"[a-z]{3,9}"))
    held = make()

    first, second = (write(make, replace(HOT, seed=3))[0] for _ in range(2))

    assert first == second
    assert held.allows(first.encode()[0]) == make().allows(first.encode()[0])


async def test_every_end_of_the_model_ends_a_text_where_it_may_end(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    vocabulary = long_driver.engine.vocabulary
    make = await compiler.compile(Constraint("regex", "a{2,3}"))
    (letter,) = vocabulary.tokenize("a", add_special=False, parse_special=False)
    ends = list(filter(vocabulary.is_end, range(vocabulary.size)))
    assert len(ends) > 1

    matcher = make()
    allowed: list[list[bool]] = []
    for _ in range(4):
        allowed.append([matcher.allows(token) for token in (letter, *ends)])
        if allowed[-1][0]:
            matcher.accept(letter)

    end = [True] * len(ends)
    never = [False] * len(ends)
    assert allowed == [[True, *never], [True, *never], [True, *end], [False, *end]]


async def test_marks_of_the_model_are_no_text(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    make = await compiler.compile(Constraint("regex", r"(?s:.*)"))
    (mark,) = long_driver.engine.vocabulary.tokenize(
        "<|im_start|>", add_special=False, parse_special=True
    )

    assert not make().allows(mark)


async def test_a_mark_can_be_named_by_its_number(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    (mark,) = long_driver.engine.vocabulary.tokenize(
        "<|im_start|>", add_special=False, parse_special=True
    )

    make = await compiler.compile(Constraint("lark", f'start: <[{mark}]> %json {{"type": "null"}}'))

    assert make().allows(mark)
