"""Every conversation that OpenAI's API allows is written by every template, and none of it lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funland.v1.inference_pb2 import Message, Tool, ToolCall
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.templates.writing import ConversationWriter, Written
from tests.worker.templates.family import FAMILY

Write = Callable[[str, Conversation], Written]

TOOLS = [Tool(name="lookup", description="Looks up.", parameters='{"type": "object"}')]
ROLES = {"S": Message.SYSTEM, "U": Message.USER, "A": Message.ASSISTANT}


@pytest.fixture(scope="module")
def write() -> Iterator[Write]:
    """Writes a conversation: `write(template, conversation)`. Each template is tried once."""
    writers: dict[str, ConversationWriter] = {}
    renderers: list[TemplateRenderer] = []
    with asyncio.Runner() as runner:

        def write(template: str, conversation: Conversation) -> Written:
            if template not in writers:
                renderers.append(TemplateRenderer(template, begin_mark="<s>", end_mark="</s>"))
                writers[template] = ConversationWriter(renderers[-1])
            return runner.run(writers[template].write(conversation))

        yield write
        for renderer in renderers:
            runner.run(renderer.close())


def conversation(letters: str, words: Sequence[str]) -> Conversation:
    """Messages by letter: of system, user and assistant; C one call and its result, B one with
    content, D two of them."""
    told = iter(words)
    messages: list[Message] = []
    for letter in letters:
        if letter in ROLES:
            messages.append(Message(role=ROLES[letter], content=next(told)))
            continue
        count = 2 if letter == "D" else 1
        calls = [
            ToolCall(
                id=f"call_{len(messages)}_{number}",
                name="lookup",
                arguments=orjson.dumps({"of": next(told)}).decode(),
            )
            for number in range(count)
        ]
        content = next(told) if letter == "B" else ""
        messages.append(Message(role=Message.ASSISTANT, content=content, tool_calls=calls))
        messages += [
            Message(role=Message.TOOL, tool_call_id=call.id, content=next(told)) for call in calls
        ]
    return Conversation(messages=messages)


def contents(talk: Conversation) -> tuple[list[str], list[str]]:
    """What may be told in another place, system messages and calls, and the rest in its order."""
    system = [m.content for m in talk.messages if m.role == Message.SYSTEM]
    calls = [orjson.loads(c.arguments)["of"] for m in talk.messages for c in m.tool_calls]
    others = [m.content for m in talk.messages if m.role != Message.SYSTEM and m.content]
    return system + calls, others


WORDS = [f"wörd{number:03}x and more" for number in range(100)]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("SSUUUAACBD", min_size=1, max_size=9), st.booleans())
@pytest.mark.parametrize("name", FAMILY)
def test_nothing_of_a_conversation_is_lost(
    write: Write, name: str, letters: str, with_tools: bool
) -> None:
    talk = conversation(letters, WORDS)
    if with_tools:
        talk.tools.extend(TOOLS)

    prompt = write(FAMILY[name], talk).text

    anywhere, others = contents(talk)
    assert all(text in prompt for text in anywhere), prompt
    place = 0
    for text in others:
        place = prompt.find(text, place)
        assert place >= 0, (text, prompt)
    if with_tools:
        assert "Looks up." in prompt
