"""Conversations with tools become what templates know, or words for those that don't."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import orjson
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message, Tool, ToolCall, ToolChoice
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.chat.formats import MISTRAL
from funland_worker.chat.tools import calling_from_wire
from funland_worker.engines.protocol import EngineError
from funland_worker.templates.conversation import template_variables
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.templates.traits import Json, Place, TemplateTraits
from funland_worker.templates.writing import ConversationWriter
from tests.worker.templates.family import PERMISSIVE

HERMES = (
    "{% if tools is not none %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}"
    "{% for m in messages %}{% if m.role == 'tool' %}[{{ m.tool_call_id }}={{ m.content }}]"
    "{% else %}{{ m.content }}{% endif %}{% for c in m.tool_calls or [] %}"
    '<tool_call>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}'
    "</tool_call>{% endfor %}{% endfor %}"
)
KNOWS = TemplateTraits(
    system=Place.ANYWHERE,
    users_in_row=True,
    assistants_in_row=True,
    assistant_first=True,
    knows_tools=True,
    knows_calls=True,
    knows_results=True,
)
KNOWS_NO_TOOLS = replace(KNOWS.without_calls, knows_tools=False)
WEATHER = Tool(
    name="weather",
    description="Tells the weather.",
    parameters='{"type": "object", "properties": {"city": {"type": "string"}}}',
)
MESSAGES = (
    Message(role=Message.USER, content="Weather in 北京?"),
    Message(
        role=Message.ASSISTANT,
        tool_calls=[ToolCall(id="call_1", name="weather", arguments='{"city": "北京"}')],
    ),
    Message(role=Message.TOOL, tool_call_id="call_1", content="21"),
    Message(role=Message.TOOL, tool_call_id="call_2", content="dry"),
)

Render = Callable[[str, Conversation], Awaitable[str]]


@pytest.fixture
async def render() -> AsyncIterator[Render]:
    renderers: list[TemplateRenderer] = []

    async def render(template: str, conversation: Conversation) -> str:
        renderers.append(TemplateRenderer(template, begin_mark="", end_mark=""))
        return (await ConversationWriter(renderers[-1]).write(conversation)).text

    yield render
    for renderer in renderers:
        await renderer.close()


def variables(traits: TemplateTraits, conversation: Conversation) -> Json:
    return template_variables(conversation, calling_from_wire(conversation).told, traits)


async def test_a_template_that_knows_tools_is_given_them(render: Render) -> None:
    prompt = await render(HERMES, Conversation(messages=MESSAGES, tools=[WEATHER]))

    schema, question, rest = prompt.partition("Weather in 北京?")
    assert question
    assert orjson.loads(schema) == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells the weather.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    assert rest == (
        '<tool_call>{"name": "weather", "arguments": {"city": "北京"}}'
        "</tool_call>[call_1=21][call_2=dry]"
    )


async def test_a_template_that_knows_no_tools_tells_of_them_in_words(render: Render) -> None:
    system = Message(role=Message.SYSTEM, content="Be brief.")
    prompt = await render(PERMISSIVE, Conversation(messages=[system, *MESSAGES], tools=[WEATHER]))

    assert prompt.startswith("<|im_start|>system\nBe brief.\n\n# Tools\n")
    assert '"name":"weather","description":"Tells the weather."' in prompt
    assert prompt.endswith(
        '<|im_start|>assistant\n<tool_call>{"name": "weather", "arguments": {"city": "北京"}}'
        "</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n21\n</tool_response>\n"
        "<tool_response>\ndry\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("system", "role"),
    [(Place.ANYWHERE, "system"), (Place.FIRST, "system"), (Place.NOWHERE, "user")],
)
def test_words_about_tools_stand_where_the_template_takes_them(system: Place, role: str) -> None:
    traits = replace(KNOWS_NO_TOOLS, system=system)
    told = variables(traits, Conversation(messages=MESSAGES[:1], tools=[WEATHER]))["messages"]

    assert told[0]["role"] == role
    assert "# Tools" in told[0]["content"]
    assert told[-1]["content"].endswith("Weather in 北京?")


def test_without_tools_a_conversation_stays_as_it_is() -> None:
    twice = [Message(role=Message.USER, content=text) for text in ("a", "b")]

    for traits in (KNOWS_NO_TOOLS, KNOWS):
        told = variables(traits, Conversation(messages=twice))
        assert told["messages"] == [
            {"role": "user", "content": "a"},
            {"role": "user", "content": "b"},
        ]
        assert told["tools"] is None


def test_tools_that_must_not_be_called_are_not_told() -> None:
    choice = ToolChoice(mode=ToolChoice.NONE)
    conversation = Conversation(messages=MESSAGES[:1], tools=[WEATHER], tool_choice=choice)

    assert variables(KNOWS, conversation)["tools"] is None
    assert "# Tools" not in str(variables(KNOWS_NO_TOOLS, conversation))


@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        ("{{ a | tojson }}", '{"city": "北京"}'),
        ("{{ '<' + a + '>' }}", '<{"city": "北京"}>'),
        ("{{ a }}", '{"city": "北京"}'),
        (
            "{% if a is string %}{{ a }}{% else %}{% for k, v in a.items() %}{{ k }}{{ v }}"
            "{% endfor %}{% endif %}",
            "city北京",
        ),
    ],
)
async def test_arguments_are_an_object_and_text(
    render: Render, template: str, arguments: str
) -> None:
    words = template.replace("a ", "c.function.arguments ").replace("a.", "c.function.arguments.")
    calls = "{% for c in m.tool_calls or [] %}" + words + '{# <tool_call> "arguments #}{% endfor %}'
    each = "{% for m in messages %}" + calls + "{{ m.content }}|{% endfor %}"

    prompt = await render(each, Conversation(messages=MESSAGES))

    assert prompt == f"Weather in 北京?|{arguments}|21|dry|"


async def test_arguments_that_were_cut_off_are_told_as_they_are(render: Render) -> None:
    call = ToolCall(id="a", name="weather", arguments='{"city": "Bei')
    cut = Message(role=Message.ASSISTANT, tool_calls=[call])

    assert '{\\"city\\": \\"Bei' in await render(HERMES, Conversation(messages=[cut]))


def test_ids_have_the_length_that_the_template_wants() -> None:
    traits = replace(KNOWS, call_format=MISTRAL)
    told = variables(traits, Conversation(messages=MESSAGES))["messages"]

    given = told[1]["tool_calls"][0]["id"]
    assert len(given) == 9
    assert given.isalnum()
    assert told[2]["tool_call_id"] == given
    assert told[3]["tool_call_id"] != given


def test_a_message_of_calls_alone_has_no_content_where_the_template_asks_for_none() -> None:
    asks = replace(KNOWS, wants_none=True)

    assert variables(KNOWS, Conversation(messages=MESSAGES))["messages"][1]["content"] == ""
    assert variables(asks, Conversation(messages=MESSAGES))["messages"][1]["content"] is None


def test_results_say_which_functions_they_are() -> None:
    told = variables(KNOWS, Conversation(messages=MESSAGES))["messages"]

    assert told[2]["name"] == "weather"
    assert "name" not in told[3]


def test_a_free_form_tool_takes_one_text() -> None:
    tool = Tool(name="patch", free_form=True, namespace="files")
    (told,) = variables(KNOWS, Conversation(messages=MESSAGES[:1], tools=[tool]))["tools"]

    assert told["function"]["parameters"] == {
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": False,
    }
    assert "files" not in str(told)


@pytest.mark.parametrize("given", ["", "null", "{}", '{"type": "object"}', '{"required": []}'])
def test_a_tool_that_says_nothing_of_arguments_takes_none(given: str) -> None:
    tool = Tool(name="now", parameters=given)
    (function,) = calling_from_wire(Conversation(tools=[tool])).told

    assert function.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_thinking_is_asked_for_by_its_variables_and_only_if_the_caller_said_so() -> None:
    unset = variables(KNOWS, Conversation(messages=MESSAGES))
    off = variables(KNOWS, Conversation(messages=MESSAGES, reasoning=False))

    assert "enable_thinking" not in unset
    assert off["enable_thinking"] is False


def test_a_callers_variables_reach_the_template_but_not_in_place_of_the_messages() -> None:
    given = '{"date_string": "today", "messages": [], "tools": [1]}'
    told = variables(KNOWS, Conversation(messages=MESSAGES, template_arguments=given))

    assert told["date_string"] == "today"
    assert len(told["messages"]) == len(MESSAGES)
    assert told["tools"] is None


@pytest.mark.parametrize("given", ["[]", "{", "1"])
def test_variables_that_are_no_object_are_refused(given: str) -> None:
    with pytest.raises(EngineError) as raised:
        variables(KNOWS, Conversation(messages=MESSAGES, template_arguments=given))

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata["field"] == "template_arguments"


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        (Conversation(tools=[Tool(name="a", parameters="{")]), ErrorReason.CONSTRAINT_INVALID),
        (Conversation(tools=[Tool(name="a", parameters="[]")]), ErrorReason.CONSTRAINT_INVALID),
        (Conversation(tools=[WEATHER, WEATHER]), ErrorReason.FIELD_INVALID),
        (
            Conversation(tools=[Tool(name="a", parameters="{}", free_form=True)]),
            ErrorReason.FIELD_INVALID,
        ),
        (
            Conversation(tools=[Tool(name="a", parameters='{"type": "array"}')]),
            ErrorReason.CONSTRAINT_INVALID,
        ),
        (
            Conversation(tools=[Tool(name="a", parameters='{"type": ["string", "null"]}')]),
            ErrorReason.CONSTRAINT_INVALID,
        ),
        (
            Conversation(tools=[WEATHER], tool_choice=ToolChoice(name="other")),
            ErrorReason.FIELD_INVALID,
        ),
        (
            Conversation(tool_choice=ToolChoice(mode=ToolChoice.REQUIRED)),
            ErrorReason.FIELD_INVALID,
        ),
    ],
)
def test_tools_that_make_no_sense_are_refused(
    conversation: Conversation, reason: ErrorReason.ValueType
) -> None:
    with pytest.raises(EngineError) as raised:
        calling_from_wire(conversation)

    assert raised.value.reason == reason


def test_a_named_function_is_called_once() -> None:
    calling = calling_from_wire(
        Conversation(tools=[WEATHER, Tool(name="time")], tool_choice=ToolChoice(name="time"))
    )

    assert [function.name for function in calling.told] == ["weather", "time"]
    assert [function.name for function in calling.allowed] == ["time"]
    assert calling.required
    assert not calling.several
