"""What a form leaves no choice of is not asked of the model."""

from __future__ import annotations

import orjson
import pytest

from funland.v1.inference_pb2 import Finish
from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.constraints.constraint import Constraint
from funland_worker.engines.protocol import Matcher
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = {
    "type": "object",
    "required": ["favourite_colour", "opinion"],
    "additionalProperties": False,
    "properties": {
        "favourite_colour": {"enum": ["red", "green"]},
        "opinion": {"type": "boolean"},
    },
}


def forced(driver: Driver, matcher: Matcher) -> bytes:
    return b"".join(map(driver.engine.vocabulary.piece, matcher.forced()))


async def test_what_must_come_is_known_up_to_where_there_is_a_choice(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    make = await compiler.compile(Constraint("json_schema", orjson.dumps(SCHEMA).decode()))
    matcher = make()

    assert forced(long_driver, matcher).startswith(b'{"favourite_colour')
    for token in matcher.forced():
        matcher.accept(token)
    assert not matcher.forced()
    assert not matcher.ended


async def test_an_answer_takes_fewer_passes_than_it_has_tokens_and_ends_with_its_form(
    compiler: ConstraintCompiler, start_engine: StartEngine
) -> None:
    make = await compiler.compile(Constraint("json_schema", orjson.dumps(SCHEMA).decode()))
    driver = start_engine(context_length=512)
    driver.submit(0, STORY, GREEDY, matcher=make())

    reports = driver.run()

    outcome = driver.outcomes[0]
    assert set(orjson.loads(driver.texts[0])) == {"favourite_colour", "opinion"}
    assert outcome.reason == Finish.STOP
    assert len(reports) * 2 < outcome.completion_tokens


async def test_a_text_that_may_go_on_is_asked(
    compiler: ConstraintCompiler, long_driver: Driver
) -> None:
    matcher = (await compiler.compile(Constraint("regex", "ab*")))()
    matcher.accept(
        *long_driver.engine.vocabulary.tokenize("a", add_special=False, parse_special=False)[-1:]
    )

    assert not matcher.forced()
    assert not matcher.ended
