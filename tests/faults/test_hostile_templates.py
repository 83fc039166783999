"""A chat template is a program of the model's author: it may fail, and hurts nobody but itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from funland.v1.inference_pb2 import GenerateRequest, GetTokenizerRequest, SamplingParameters
from funland.v1.models_pb2 import LoadModelRequest
from tests.faults.gguf_files import with_template, without_template
from tests.faults.service import Service, chat, failure

if TYPE_CHECKING:
    from tests.faults.conftest import Install

# Two seconds to compile, two to render, what it takes to start the process that does it, and what a
# busy machine adds: what is not ended takes hours.
LIMIT_SECONDS = 60

NESTED_LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(NESTED_LOOPS, id="nested loops"),
        pytest.param("{{ 'x' * (2 * 1024**3) }}", id="a string of 2 GB"),
        pytest.param("{{ 'x' * (messages|length * 2 * 1024**3) }}", id="a string of 2 GB, late"),
        pytest.param("{{ 10**(10**8) }}", id="a number of 100 million digits"),
        pytest.param("{{ (messages|length * 10)**(10**8) }}", id="such a number, late"),
        pytest.param(
            "{% for a in range(99999) %}{{ 'x' * 10000 }}{% endfor %}", id="endless output"
        ),
        pytest.param("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", id="recursion"),
    ],
)
async def test_a_template_that_takes_too_much_ends_within_its_limit(
    service: Service, install: Install, template: str
) -> None:
    await install("bomb", with_template(template))
    await service.models.LoadModel(LoadModelRequest(model_id="bomb"))
    begin = monotonic()

    fault = await failure(service.inference.Chat(chat(model="bomb")))

    assert monotonic() - begin < LIMIT_SECONDS
    assert (fault.code, fault.reason) == ("RESOURCE_EXHAUSTED", "TEMPLATE_LIMIT")
    assert fault.metadata["model"] == "bomb"
    assert fault.metadata["limit"] in {"time", "memory", "output", "recursion"}


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('touch ESCAPED').read() }}",
        "{{ self.__init__.__globals__['__builtins__']['open']('ESCAPED', 'w') }}",
        "{{ '{0.__class__.__mro__}'.format(messages).x.y }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
    ],
)
async def test_a_template_does_not_get_out_of_its_sandbox(
    service: Service, install: Install, tmp_path: Path, template: str
) -> None:
    escaped = tmp_path / "escaped"
    await install("escape", with_template(template.replace("ESCAPED", str(escaped))))

    fault = await failure(service.inference.Chat(chat(model="escape")))

    assert (fault.code, fault.reason) == ("INVALID_ARGUMENT", "TEMPLATE_FAILED")
    assert fault.metadata["model"] == "escape"
    assert not escaped.exists()


async def test_a_template_refuses_messages_in_its_own_words(
    service: Service, install: Install
) -> None:
    await install("strict", with_template("{{ raise_exception('A system message is missing.') }}"))

    fault = await failure(service.inference.Chat(chat(model="strict")))

    assert (fault.code, fault.reason) == ("INVALID_ARGUMENT", "TEMPLATE_FAILED")
    assert "A system message is missing." in fault.message


async def test_others_are_answered_while_a_template_runs(
    service: Service, install: Install
) -> None:
    await install("bomb", with_template(NESTED_LOOPS))
    await service.models.LoadModel(LoadModelRequest(model_id="bomb"))
    await service.say()
    exploding = asyncio.create_task(failure(service.inference.Chat(chat(model="bomb"))))

    answers = 0
    while not exploding.done():
        assert await service.say()
        answers += 1

    assert (await exploding).reason == "TEMPLATE_LIMIT"
    # One may come before the template runs and one end with it.
    assert answers > 2


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(without_template, id="none"),
        pytest.param(lambda: with_template("{% if %}"), id="one that does not compile"),
    ],
)
async def test_a_model_without_a_useful_template_completes_but_does_not_chat(
    service: Service, install: Install, content: Callable[[], bytes]
) -> None:
    await install("mute", content())

    fault = await failure(service.inference.Chat(chat(model="mute")))
    completed = await service.inference.Generate(
        GenerateRequest(
            model="mute",
            prompt="Once upon",
            sampling=SamplingParameters(max_tokens=4, temperature=0),
        )
    )

    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_CANNOT_CHAT")
    assert fault.metadata["model"] == "mute"
    assert completed.text


async def test_a_template_of_any_length_is_told_with_the_tokenizer(
    service: Service, install: Install
) -> None:
    template = "{{ messages[0].content }}{# " + "好 " * 100_000 + "#}"
    await install("long", with_template(template))

    tokenizer = await service.inference.GetTokenizer(GetTokenizerRequest(model="long"))

    assert tokenizer.model == "long"
    assert tokenizer.chat_template.startswith(template)
    assert await service.say(model="long")
