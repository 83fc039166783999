"""Chat templates: what an honest one needs, and what a hostile one can't have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.templates import renderer as renderer_module
from funland_worker.templates.renderer import TemplateRenderer
from tests.processes import children

TEMPLATES = "funland_worker.templates.process"

Render = Callable[..., Awaitable[str]]

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
async def start() -> AsyncIterator[Callable[[str], TemplateRenderer]]:
    renderers: list[TemplateRenderer] = []

    def start(template: str) -> TemplateRenderer:
        renderers.append(TemplateRenderer(template, begin_mark="<s>", end_mark="</s>"))
        return renderers[-1]

    yield start
    for renderer in renderers:
        await renderer.close()


@pytest.fixture
def render(start: Callable[[str], TemplateRenderer]) -> Render:
    async def render(template: str, variables: Mapping[str, Any] = HELLO) -> str:
        return await start(template).render(variables)

    return render


async def test_a_conversation_is_rendered(render: Render) -> None:
    template = (
        "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m['content'] }}{{ eos_token }}"
        "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
    )
    messages = [{"role": "system", "content": "Be 好."}, *HELLO["messages"]]
    variables = {"messages": messages, "add_generation_prompt": True}

    assert await render(template, variables) == "<s>system:Be 好.</s>user:Hello</s>assistant:"


async def test_what_a_user_writes_is_not_a_template(render: Render) -> None:
    message = {"role": "user", "content": "{{ 7 * 7 }}\n{% for"}

    prompt = await render("{{ messages[0].content }}", {"messages": [message]})

    assert prompt == "{{ 7 * 7 }}\n{% for"


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("{{ {'a': '<好>'} | tojson }}", '{"a": "<好>"}'),
        ("{{ [1] | tojson(indent=1) }}", "[\n 1\n]"),
        ("{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1"),
        ("  {% if true %}\nx\n  {% endif %}\n", "x\n"),
        ("{{ strftime_now('%%') }}", "%"),
        (
            "{{ {'b': [1], 'a': 2} | tojson(separators=(',', ':'), sort_keys=true) }}",
            '{"a":2,"b":[1]}',
        ),
        ("{{ messages | map(attribute='role') | tojson }}", '["user"]'),
        ("{% generation %}x{% endgeneration %}y", "xy"),
        ("{% set ns = namespace(n=1) %}{% set ns.n = 2 %}{{ ns.n }}", "2"),
    ],
)
async def test_what_published_templates_use_is_there(
    render: Render, template: str, prompt: str
) -> None:
    assert await render(template) == prompt


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('Roles must alternate') }}", "Roles must alternate"),
        ("{{ messages[5].content }}", "list object has no element 5"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ raise_exception('x' * 100000) }}", "xxx"),
    ],
)
async def test_what_a_template_can_not_do_is_said_in_a_few_words(
    render: Render, template: str, words: str
) -> None:
    with pytest.raises(EngineError, match=words) as raised:
        await render(template)

    assert raised.value.reason == ErrorReason.TEMPLATE_FAILED
    assert len(raised.value.message) < 500


async def test_a_template_that_does_not_compile_fails_the_check(
    start: Callable[[str], TemplateRenderer],
) -> None:
    with pytest.raises(EngineError) as raised:
        await start("{% for %}").check()

    assert raised.value.reason == ErrorReason.TEMPLATE_FAILED
    assert not children(TEMPLATES)


@pytest.mark.parametrize(
    ("template", "limit"),
    [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "time"),
        ("{{ messages[0].content | length ** (10 ** 8) }}", "time"),
        ("{{ 10 ** (10 ** 8) }}", "time"),
        ("{{ 'x' * 2000000000 }}", "memory"),
        ("{% for a in range(9999) %}{{ messages[0].content * 99999 }}{% endfor %}", "output"),
    ],
)
async def test_a_bomb_ends_within_its_limit(
    render: Render, monkeypatch: pytest.MonkeyPatch, template: str, limit: str
) -> None:
    monkeypatch.setattr(renderer_module, "SECONDS", 0.4)
    begin = monotonic()

    with pytest.raises(EngineError) as raised:
        await render(template)

    assert raised.value.reason == ErrorReason.TEMPLATE_LIMIT
    assert raised.value.metadata["limit"] == limit
    assert monotonic() - begin < 60  # on a busy machine: without a limit it would be hours


async def test_after_a_bomb_the_next_call_is_answered(
    start: Callable[[str], TemplateRenderer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer_module, "SECONDS", 0.4)
    renderer = start("{% for a in range(messages|length ** 30) %}{% endfor %}done")
    bomb = {"messages": HELLO["messages"] * 1000}
    with pytest.raises(EngineError):
        await renderer.render(bomb)

    assert await renderer.render(HELLO) == "done"


async def test_a_bomb_does_not_hold_up_the_next_call(
    start: Callable[[str], TemplateRenderer],
) -> None:
    renderer = start("{% for a in range(messages|length ** 30) %}{% endfor %}done")
    await renderer.check()
    bomb = asyncio.create_task(renderer.render({"messages": HELLO["messages"] * 1000}))

    assert await renderer.render(HELLO) == "done"

    assert not bomb.done()
    with pytest.raises(EngineError):
        await bomb


async def test_a_killed_process_is_started_again(
    start: Callable[[str], TemplateRenderer],
) -> None:
    renderer = start("{{ messages[0].content }}")
    await renderer.check()
    (process,) = children(TEMPLATES)
    process.kill()

    with pytest.raises(EngineError):
        await renderer.render(HELLO)

    assert await renderer.render(HELLO) == "Hello"


async def test_closing_ends_the_process(start: Callable[[str], TemplateRenderer]) -> None:
    renderer = start("x")
    await renderer.check()
    assert len(children(TEMPLATES)) == 1

    await renderer.close()

    assert not children(TEMPLATES)
