"""What a template takes is found by trying it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.templates.traits import Beside, Json, Place, TemplateTraits, try_template
from tests.worker.templates.family import FAMILY, PERMISSIVE

Try = Callable[[str], Awaitable[TemplateTraits]]


@pytest.fixture
async def tried() -> AsyncIterator[Try]:
    renderers: list[TemplateRenderer] = []

    async def tried(template: str) -> TemplateTraits:
        renderers.append(TemplateRenderer(template, begin_mark="<s>", end_mark="</s>"))
        return await try_template(template, renderers[-1].render)

    yield tried
    for renderer in renderers:
        await renderer.close()


@pytest.mark.parametrize(
    ("name", "system", "in_row", "calls"),
    [
        ("permissive", Place.ANYWHERE, True, False),
        ("system first only", Place.FIRST, True, False),
        ("no system", Place.NOWHERE, True, False),
        ("system lost", Place.NOWHERE, True, False),
        ("alternating", Place.NOWHERE, False, False),
        ("gemma", Place.FIRST, False, False),
        ("mistral", Place.FIRST, False, True),
        ("llama", Place.ANYWHERE, True, True),
        ("qwen", Place.FIRST, True, True),
        ("phi", Place.ANYWHERE, True, False),
        ("deepseek", Place.ANYWHERE, True, True),
        ("in parts", Place.ANYWHERE, True, False),
        ("system in parts", Place.FIRST, True, False),
    ],
)
async def test_what_templates_take(
    tried: Try, name: str, system: Place, in_row: bool, calls: bool
) -> None:
    traits = await tried(FAMILY[name])

    assert traits.system == system
    assert traits.users_in_row == traits.assistants_in_row == traits.assistant_first == in_row
    assert traits.knows_calls == traits.knows_results == calls


async def test_what_templates_take_of_calls(tried: Try) -> None:
    mistral, llama, qwen, deepseek = [
        await tried(FAMILY[name]) for name in ("mistral", "llama", "qwen", "deepseek")
    ]

    assert [one.knows_tools for one in (mistral, llama, qwen, deepseek)] == [
        True,
        True,
        True,
        False,
    ]
    assert [one.several_calls for one in (mistral, llama, qwen)] == [True, False, True]
    assert mistral.calls_and_content == Beside.NEVER
    assert llama.calls_and_content == deepseek.calls_and_content == Beside.APART
    assert qwen.calls_and_content == Beside.TOGETHER
    assert [one.user_after_result for one in (mistral, llama, qwen)] == [False, True, True]
    assert (deepseek.wants_none, qwen.wants_none) == (True, False)


async def test_what_templates_want_besides(tried: Try) -> None:
    assert (await tried(FAMILY["qwen"])).needs_user
    assert not (await tried(FAMILY["llama"])).needs_user
    assert not (await tried(FAMILY["last is user"])).assistant_last
    assert (await tried(FAMILY["in parts"])).in_parts == {"system", "user", "assistant"}
    assert (await tried(FAMILY["system in parts"])).in_parts == {"system"}


async def test_trying_a_template_takes_few_renders(tried: Try) -> None:
    renderer = TemplateRenderer(FAMILY["qwen"], begin_mark="", end_mark="")
    renders = 0

    async def counted(variables: Json) -> str:
        nonlocal renders
        renders += 1
        return await renderer.render(variables)

    await try_template(FAMILY["qwen"], counted)
    await renderer.close()

    assert renders <= 20


async def test_a_template_over_its_limit_is_not_taken_for_one_that_refuses(tried: Try) -> None:
    with pytest.raises(EngineError) as raised:
        await tried("{{ 'x' * 2000000000 }}" + PERMISSIVE)

    assert raised.value.reason == ErrorReason.TEMPLATE_LIMIT
