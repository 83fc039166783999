"""A compiler for the embedded model, and texts that it writes under constraints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from time import monotonic

import pytest
import pytest_asyncio

from funland_worker.constraints.compiler import ConstraintCompiler
from funland_worker.engines.protocol import Matcher, Outcome, Prompt, Sampling
from tests.worker.conftest import STORY, Driver, StartEngine

Write = Callable[[Callable[[], Matcher], Sampling], tuple[str, Outcome]]


@pytest.fixture(scope="module")
def long_driver(start_lasting_engine: StartEngine) -> Driver:
    """An engine in whose context a constrained text has room to come to its end."""
    return start_lasting_engine(context_length=1024)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compiler(long_driver: Driver) -> AsyncIterator[ConstraintCompiler]:
    compiler = ConstraintCompiler(long_driver.engine)
    yield compiler
    await compiler.close()


@pytest.fixture(scope="module")
def write(long_driver: Driver) -> Write:
    """Writes one text: `write(make_matcher, sampling)`."""

    def write(make: Callable[[], Matcher], sampling: Sampling) -> tuple[str, Outcome]:
        number = len(long_driver.texts)
        long_driver.texts[number] = ""
        tokens = long_driver.tokens(STORY)
        long_driver.engine.submit(Prompt(number, tokens, sampling, monotonic(), matcher=make()))
        long_driver.run()
        return long_driver.texts[number], long_driver.outcomes[number]

    return write
