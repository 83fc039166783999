"""The program that stands for vLLM says what vLLM says, compared with what the real one did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from funland_server.vllm.http import Http
from tests.server.vllm.conftest import environment
from tests.server.vllm.recorded import ANSWERS
from tools.try_vllm.recording import PLAN, about, record
from tools.try_vllm.stage import stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHAPES = (
    "chat", "chat that ends", "chat with logprobs", "two chats", "chat with the prompt's logprobs",
    "completion", "completion with logprobs", "completion with the prompt's logprobs", "regex",
)  # fmt: skip
SAME = ("prompt too long", "chat too long", "unknown token", "tokens", "tokens of a chat")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> AsyncIterator[Http]:
    home = tmp_path_factory.mktemp("child")
    async with stage(home / "home", environment(home / "environment"), tiny_folder) as made:
        runner = made.runner()
        await runner.start()
        yield runner.http
        await runner.stop(force=True)


def unknown(told: Any, real: Sequence[Any], path: str = "") -> list[str]:
    """What is told that none of the real ones has, and what has another type there."""
    if told is None:
        return []
    alike: list[Any] = [one for one in real if one is not None]
    if isinstance(told, dict):
        members = cast("dict[str, Any]", told)
        found: list[str] = []
        for name, value in members.items():
            there: list[Any] = [one[name] for one in alike if isinstance(one, dict) and name in one]
            if not there and not name.startswith("token_id:") and not name.isdecimal():
                found.append(f"{path}.{name}")
            elif there:
                found += unknown(value, there, f"{path}.{name}")
        return found
    if isinstance(told, list):
        items = cast("list[Any]", told)
        others: list[Any] = []
        for one in alike:
            others += cast("list[Any]", one) if isinstance(one, list) else []
        return [each for one in items for each in unknown(one, others, f"{path}[]")]
    kinds: set[type] = {type(one) for one in alike}
    if int in kinds:
        kinds.add(float)
    return [] if not kinds or type(told) in kinds else [f"{path}: {type(told).__name__}"]


@pytest.mark.parametrize("name", SHAPES)
async def test_an_answer_has_nothing_that_the_real_ones_lacks(http: Http, name: str) -> None:
    told = (await record(http, {name: PLAN[name]}))[name]

    assert unknown(told, [ANSWERS[name]], name) == []
    assert isinstance(told, list) == isinstance(ANSWERS[name], list)


@pytest.mark.parametrize("name", SHAPES)
async def test_and_all_that_funland_reads(http: Http, name: str) -> None:
    """What would be missed in the real one would be in the child's too."""
    told = str((await record(http, {name: PLAN[name]}))[name])

    for read in ("token_ids", "finish_reason", "usage", "prompt_tokens_details"):
        assert read in told
        assert read in str(ANSWERS[name])


@pytest.mark.parametrize("name", SAME)
async def test_what_is_the_same_each_time_is_the_same(http: Http, name: str) -> None:
    assert (await record(http, {name: PLAN[name]}))[name] == ANSWERS[name]


async def test_the_real_one_has_its_routes(http: Http) -> None:
    told = await about(http)

    assert {*told["routes"]} <= {*ANSWERS["routes"]}
    assert unknown(told["models"], [ANSWERS["models"]]) == []
