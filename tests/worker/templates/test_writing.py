"""Every conversation that OpenAI's API allows is written by every template, and none of it lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message, Tool, ToolCall
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.engines.protocol import EngineError
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


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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


BEGUN = ["The capital of France", "Two  \n", "  * one\n", "So </think> it is", "{{ x }}<|im_end|>"]


@pytest.mark.parametrize("begun", BEGUN)
@pytest.mark.parametrize("name", FAMILY)
def test_an_answer_goes_on_where_it_stops(write: Write, name: str, begun: str) -> None:
    talk = conversation("SUAUA", [*WORDS[:4], begun])
    talk.continue_last = True

    written = write(FAMILY[name], talk)

    assert written.text.endswith(begun)
    before = written.text.removesuffix(begun)
    assert begun not in before
    assert all(word in before for word in WORDS[:4])
    assert before.rfind(WORDS[3]) > before.rfind(WORDS[2])
    assert not written.shape.begun
    assert written.shape.reasoning is None
    # It is an answer: what stands in front is what the template has in front of one.
    whole = write(FAMILY[name], conversation("SUAUA", WORDS)).text
    assert before == whole[: whole.rindex(WORDS[4])]


@pytest.mark.parametrize(
    ("begun", "within"),
    [("<think>\nBecause", True), ("<think>\nSo.\n</think>\n\nIt is", False)],
)
def test_a_thought_that_was_begun_goes_on(write: Write, begun: str, within: bool) -> None:
    talk = conversation("UA", ["Why?", begun])
    talk.continue_last = True

    written = write(FAMILY["qwen"], talk)

    assert written.text.endswith(f"Why?<|im_end|>\n<|im_start|>assistant\n{begun}")
    assert written.shape.begun is within
    assert (written.shape.reasoning is not None) is within


def test_an_answer_that_goes_on_is_behind_its_thought(write: Write) -> None:
    talk = conversation("UA", ["Why?", "It is"])
    talk.messages[-1].reasoning = "Hm."
    talk.continue_last = True

    assert write(FAMILY["qwen"], talk).text.endswith("<think>\nHm.\n</think>\n\nIt is")


@pytest.mark.parametrize(
    ("generation", "end"), [("<bot>", "<bot>"), ("<bot><think>\n", "<bot><think>\n\n</think>\n\n")]
)
def test_a_template_that_drops_a_last_answer_is_asked_for_a_new_one(
    write: Write, generation: str, end: str
) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'user' or not loop.last %}{{ m.content }}|"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}" + generation + "{% endif %}"
    )
    talk = conversation("UA", ["Hi", "Hello"])
    talk.continue_last = True

    assert write(template, talk).text == f"Hi|{end}Hello"


def test_calls_that_only_their_place_tells_can_not_follow_what_was_said(write: Write) -> None:
    talk = conversation("UA", ["Hi", "Hello"])
    talk.tools.extend(TOOLS)
    shapes = {}
    for name in ("llama", "qwen"):
        for talk.continue_last in (False, True):
            shapes[name, talk.continue_last] = set(write(FAMILY[name], talk).shape.functions)

    assert shapes == {
        ("llama", False): {"lookup"},
        ("llama", True): set(),
        ("qwen", False): {"lookup"},
        ("qwen", True): {"lookup"},
    }


@pytest.mark.parametrize(
    ("letters", "words", "field"),
    [
        ("U", ["Hi"], "messages[0].role"),
        ("UAU", ["Hi", "Hello", "Go on"], "messages[2].role"),
        ("UA", ["Hi", ""], "messages[1].content"),
        ("UC", ["Hi", "x", "y"], "messages[2].role"),
    ],
)
def test_what_can_not_go_on_is_refused_by_its_field(
    write: Write, letters: str, words: list[str], field: str
) -> None:
    talk = conversation(letters, words)
    talk.continue_last = True

    with pytest.raises(EngineError) as raised:
        write(FAMILY["permissive"], talk)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata["field"] == field


def test_calls_can_not_go_on(write: Write) -> None:
    talk = conversation("UC", ["Hi", "x", "y"])
    del talk.messages[-1]
    talk.messages[-1].content = "Let me see"
    talk.continue_last = True

    with pytest.raises(EngineError) as raised:
        write(FAMILY["permissive"], talk)

    assert raised.value.metadata["field"] == "messages[1].tool_calls"


def test_a_template_that_refuses_all_is_told_by_its_own_words(write: Write) -> None:
    with pytest.raises(EngineError, match="I take nothing") as raised:
        write("{{ raise_exception('I take nothing.') }}", conversation("U", ["Hi"]))

    assert raised.value.reason == ErrorReason.TEMPLATE_FAILED
