"""What is submitted becomes tokens, or is refused with a reason before it costs anything."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    AdapterUse,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
    Speculation,
    Tool,
    ToolChoice,
)
from funland.worker.v1.worker_pb2 import Conversation, Submit, Tokens
from funland_worker.engines.protocol import EngineError
from funland_worker.engines.vocabulary import detokenize
from funland_worker.prompts import PromptReader
from funland_worker.templates.renderer import TemplateRenderer
from tests.worker.conftest import Driver

BEGIN = "<|im_start|>"
HELLO = Conversation(messages=[Message(role=Message.USER, content="Hello")])


@pytest.fixture
async def renderer() -> AsyncIterator[TemplateRenderer]:
    renderer = TemplateRenderer(
        "{{ bos_token }}{{ messages[0].content }}", begin_mark=BEGIN, end_mark=""
    )
    yield renderer
    await renderer.close()


@pytest.fixture
def reader(driver: Driver, renderer: TemplateRenderer) -> PromptReader:
    return PromptReader(driver.engine, renderer, begin_mark=BEGIN)


def with_tools(tools: list[Tool]) -> Conversation:
    return Conversation(messages=HELLO.messages, tools=tools)


async def refusal(reader: PromptReader, submit: Submit) -> EngineError:
    with pytest.raises(EngineError) as raised:
        await reader.read(submit)
    return raised.value


async def test_a_prompt_is_taken_as_it_is(reader: PromptReader, driver: Driver) -> None:
    reading = await reader.read(Submit(sequence_id=7, prompt=f"{BEGIN}user\nHello"))

    (prompt,) = reading.prompts
    assert reading.shape is None
    assert prompt.sequence_id == 7
    assert detokenize(driver.engine.vocabulary, prompt.tokens) == f"{BEGIN}user\nHello"
    assert prompt.tokens == driver.tokens(f"{BEGIN}user\nHello")


async def test_a_conversation_goes_through_the_template(
    reader: PromptReader, driver: Driver
) -> None:
    reading = await reader.read(Submit(conversation=HELLO))

    assert detokenize(driver.engine.vocabulary, reading.prompts[0].tokens) == f"{BEGIN}Hello"


async def test_the_longest_prompt_leaves_room_for_one_token(
    reader: PromptReader, driver: Driver
) -> None:
    one = "Hello" * 400
    assert len(driver.tokens(one)) > driver.engine.context_length

    error = await refusal(reader, Submit(prompt=one))

    assert error.reason == ErrorReason.PROMPT_TOO_LONG
    assert error.metadata == {
        "prompt_tokens": str(len(driver.tokens(one))),
        "context_length": str(driver.engine.context_length),
    }


async def test_a_prompt_without_an_answer_may_fill_the_context(
    reader: PromptReader, driver: Driver
) -> None:
    length = driver.engine.context_length
    filled = Tokens(tokens=[5] * length)
    longer = Tokens(tokens=[5] * (length + 1))
    nothing = SamplingParameters(max_tokens=0)

    (prompt,) = (await reader.read(Submit(tokens=filled, sampling=nothing))).prompts

    assert len(prompt.tokens) == length
    for submit in (Submit(tokens=filled), Submit(tokens=longer, sampling=nothing)):
        assert (await refusal(reader, submit)).reason == ErrorReason.PROMPT_TOO_LONG


async def test_a_long_text_is_tokenized_as_a_short_one(
    reader: PromptReader, driver: Driver
) -> None:
    text = "Once upon a time there was a fox. " * 1000

    tokens = await reader.tokens(text, add_special=True, parse_special=True)

    assert tokens == driver.tokens(text)


async def test_the_context_bounds_what_can_be_read(reader: PromptReader, driver: Driver) -> None:
    length = driver.engine.context_length

    reader.check_length([1] * length)
    reader.check_length([1] * (length - 1), room_for_answer=1)
    with pytest.raises(EngineError):
        reader.check_length([1] * length, room_for_answer=1)


async def test_nothing_can_not_be_continued(reader: PromptReader) -> None:
    assert (await refusal(reader, Submit(prompt=""))).reason == ErrorReason.FIELD_INVALID


async def test_a_bias_for_an_unknown_token_is_refused(reader: PromptReader, driver: Driver) -> None:
    size = driver.engine.vocabulary_size
    last = SamplingParameters(logit_bias={size - 1: 1.0})
    past = SamplingParameters(logit_bias={size: 1.0})

    assert await reader.read(Submit(prompt="Hello", sampling=last))
    error = await refusal(reader, Submit(prompt="Hello", sampling=past))

    assert error.reason == ErrorReason.TOKEN_UNKNOWN
    assert error.metadata == {"vocabulary_size": str(size), "field": "sampling.logit_bias"}


async def test_without_a_template_there_is_no_chat(driver: Driver) -> None:
    reader = PromptReader(driver.engine, None, begin_mark="")

    error = await refusal(reader, Submit(conversation=HELLO))

    assert error.reason == ErrorReason.MODEL_CANNOT_CHAT


async def test_a_begin_mark_is_not_written_twice(
    driver: Driver, renderer: TemplateRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    tokenize = driver.engine.vocabulary.tokenize

    def watch(text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        asked.append(add_special)
        return tokenize(text, add_special=add_special, parse_special=parse_special)

    monkeypatch.setattr(driver.engine.vocabulary, "tokenize", watch)

    # The embedded model adds no begin mark, so that what is asked for is all that shows it.
    await PromptReader(driver.engine, renderer, begin_mark=BEGIN).read(Submit(conversation=HELLO))
    await PromptReader(driver.engine, renderer, begin_mark="").read(Submit(conversation=HELLO))

    assert asked == [False, True]


async def test_each_text_has_its_own_seed_and_matcher(reader: PromptReader) -> None:
    submit = Submit(
        prompt="Hello",
        sampling=SamplingParameters(seed=2**32 - 1),
        options=GenerationOptions(n=3),
        format=OutputFormat(regex="[a-z]+"),
    )

    prompts = (await reader.read(submit)).prompts

    assert [prompt.choice for prompt in prompts] == [0, 1, 2]
    assert [prompt.sampling.seed for prompt in prompts] == [2**32 - 1, 0, 1]
    assert len({id(prompt.matcher) for prompt in prompts}) == 3
    assert all(prompt.tokens == prompts[0].tokens for prompt in prompts)


async def test_a_tool_that_can_not_be_called_is_named(reader: PromptReader) -> None:
    tools = [
        Tool(name="good", parameters='{"type": "object"}'),
        Tool(name="bad", parameters='{"properties": {"a": {"type": "thing"}}}'),
    ]

    error = await refusal(reader, Submit(conversation=with_tools(tools)))

    assert error.reason == ErrorReason.CONSTRAINT_INVALID
    assert error.message == "The parameters of tool 'bad' can't be used: Invalid type: thing."


@pytest.mark.parametrize("kind", ['"string"', '["array", "null"]', '"thing"', "7"])
async def test_the_arguments_of_a_tool_are_an_object(reader: PromptReader, kind: str) -> None:
    tools = [Tool(name="good"), Tool(name="bad", parameters=f'{{"type": {kind}}}')]

    error = await refusal(reader, Submit(conversation=with_tools(tools)))

    assert error.reason == ErrorReason.CONSTRAINT_INVALID
    assert error.message == "tools[1].parameters is not a JSON Schema of an object."


async def test_beside_tools_a_format_is_named_as_alone(reader: PromptReader) -> None:
    tools = [Tool(name="good", parameters='{"type": "object"}')]
    wanted = OutputFormat(regex="a(")

    error = await refusal(reader, Submit(conversation=with_tools(tools), format=wanted))

    assert error.message == (await refusal(reader, Submit(prompt="Hi", format=wanted))).message
    assert "good" not in error.message


async def test_stop_strings_are_not_for_calls_that_must_be_made(reader: PromptReader) -> None:
    tools = [Tool(name="good", parameters='{"type": "object"}')]
    stops = {}
    for mode in (ToolChoice.AUTO, ToolChoice.REQUIRED):
        conversation = with_tools(tools)
        conversation.tool_choice.mode = mode
        submit = Submit(conversation=conversation, sampling=SamplingParameters(stop=["\n"]))
        (prompt,) = (await reader.read(submit)).prompts
        stops[mode] = prompt.sampling.stop

    assert stops == {ToolChoice.AUTO: ("\n",), ToolChoice.REQUIRED: ()}


async def test_options_reach_the_engine(reader: PromptReader) -> None:
    options = GenerationOptions(
        top_logprobs=0,
        priority=GenerationOptions.LOW,
        adapters=[
            AdapterUse(adapter_id="b"),
            AdapterUse(adapter_id="a", scale=0),
            AdapterUse(adapter_id="b", scale=0.5),
        ],
        speculation=Speculation(method=Speculation.PROMPT_LOOKUP),
    )

    (prompt,) = (await reader.read(Submit(prompt="Hello", options=options))).prompts
    (plain,) = (await reader.read(Submit(prompt="Hello"))).prompts

    assert prompt.top_logprobs == 0
    assert prompt.priority == GenerationOptions.LOW
    assert prompt.adapters == (("a", 0.0), ("b", 0.5))
    assert prompt.speculation.method == Speculation.PROMPT_LOOKUP
    assert plain.top_logprobs is None
    assert plain.priority == GenerationOptions.NORMAL
    assert (plain.matcher, plain.adapters, plain.shows_control) == (None, (), False)


async def test_a_model_that_writes_no_text_refuses_to(
    reader: PromptReader, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver.engine, "can_generate", False)

    for submit in (Submit(prompt="Hello"), Submit(conversation=HELLO)):
        assert (await refusal(reader, submit)).reason == ErrorReason.MODEL_CANNOT_GENERATE


@pytest.mark.parametrize(
    ("template", "reasoning", "end", "begun"),
    [
        ("{{ messages[0].content + '<think>\n' }}", None, "Hello<think>\n", True),
        ("{{ messages[0].content + '<think>\n' }}", True, "Hello<think>\n", True),
        ("{{ messages[0].content + '<think>\n' }}", False, "Hello<think>\n\n</think>\n\n", False),
        ("{{ messages[0].content }}{# </think> #}", None, "Hello", False),
    ],
)
async def test_whether_the_prompt_ends_within_reasoning_is_known(
    driver: Driver, template: str, reasoning: bool | None, end: str, begun: bool
) -> None:
    renderer = TemplateRenderer(template, begin_mark="", end_mark="")
    reader = PromptReader(driver.engine, renderer, begin_mark="")
    conversation = Conversation(messages=HELLO.messages, reasoning=reasoning)

    rendering = await reader.render(conversation)
    await renderer.close()

    assert rendering.text == end
    assert rendering.shape.begun == begun


@pytest.mark.parametrize(
    ("template", "reasoning", "thinks"),
    [
        ("{{ messages[0].content + '<think>\n' }}", None, True),
        ("{{ messages[0].content + '<think>\n' }}", False, False),
        ("{{ messages[0].content + '<think></think>\n\n' }}", None, False),
        ("{{ messages[0].content }}{# </think> #}", None, True),
    ],
)
async def test_no_thought_comes_behind_one_that_is_over(
    driver: Driver, template: str, reasoning: bool | None, thinks: bool
) -> None:
    renderer = TemplateRenderer(template, begin_mark="", end_mark="")
    reader = PromptReader(driver.engine, renderer, begin_mark="")
    conversation = Conversation(messages=HELLO.messages, reasoning=reasoning)

    submit = Submit(conversation=conversation, format=OutputFormat(json_schema='{"const": 1}'))
    (prompt,) = (await reader.read(submit)).prompts
    await reader.close()
    await renderer.close()

    assert prompt.matcher is not None
    assert prompt.matcher.allows(driver.tokens("<")[0]) == thinks


TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
async def chat_reader(driver: Driver) -> AsyncIterator[PromptReader]:
    renderer = TemplateRenderer(TEMPLATE, begin_mark="", end_mark="")
    reader = PromptReader(driver.engine, renderer, begin_mark="")
    yield reader
    await reader.close()
    await renderer.close()


def say(*contents: str) -> list[Message]:
    """Users and assistants in turn, the last of them a user."""
    roles = (Message.USER, Message.ASSISTANT)
    first = (len(contents) + 1) % 2
    return [Message(role=roles[(i + first) % 2], content=text) for i, text in enumerate(contents)]


async def text_of(reader: PromptReader, driver: Driver, submit: Submit) -> tuple[str, int]:
    """What the engine continues, and how many messages were left out of it."""
    reading = await reader.read(submit)
    return detokenize(driver.engine.vocabulary, reading.prompts[0].tokens), reading.dropped


async def test_the_oldest_turns_are_left_out_and_most_turns_begin_as_the_one_before(
    chat_reader: PromptReader, driver: Driver
) -> None:
    system = Message(role=Message.SYSTEM, content="Be brief.")
    messages = say(*(f"({number})" for number in range(61)))
    texts: list[str] = []
    counts: list[int] = []
    for last in range(0, 61, 2):
        conversation = Conversation(messages=[system, *messages[: last + 1]], drop_oldest=True)
        text, dropped = await text_of(chat_reader, driver, Submit(conversation=conversation))

        assert "Be brief." in text
        assert dropped % 2 == 0, "a turn is two messages"
        assert [f"({number})" in text for number in range(last + 1)] == [
            number >= dropped for number in range(last + 1)
        ]
        texts.append(text)
        counts.append(dropped)

    assert counts == sorted(counts)
    assert counts[0] == 0 < counts[-1]
    changes = sum(a != b for a, b in itertools.pairwise(counts))
    alike = sum(longer.startswith(shorter) for shorter, longer in itertools.pairwise(texts))
    assert alike == len(texts) - 1 - changes
    assert changes <= sum(count > 0 for count in counts) / 2, "a quarter lasts for some turns"


async def test_a_last_turn_that_is_nearly_the_whole_context_leaves_as_many_others_as_fit(
    chat_reader: PromptReader, driver: Driver
) -> None:
    context = driver.engine.context_length
    length = 0
    words = 0
    while length < 0.85 * context:
        words += 10
        reading = await chat_reader.read(
            Submit(conversation=Conversation(messages=say("so " * words)))
        )
        length = len(reading.prompts[0].tokens)
    turns = say("a", "b", "c", "d", "e" * context, "f", "so " * words)

    text, dropped = await text_of(
        chat_reader, driver, Submit(conversation=Conversation(messages=turns, drop_oldest=True))
    )

    assert dropped == 6
    assert text.count("user\n") == 1


async def test_a_conversation_that_fits_stays_whole(
    chat_reader: PromptReader, driver: Driver
) -> None:
    conversation = Conversation(messages=say("a", "b", "c"), drop_oldest=True)

    text, dropped = await text_of(chat_reader, driver, Submit(conversation=conversation))

    assert dropped == 0
    assert text == (await text_of(chat_reader, driver, Submit(conversation=conversation)))[0]
    assert "user\na<" in text


async def test_room_is_made_for_the_answer_that_is_asked_for(
    chat_reader: PromptReader, driver: Driver
) -> None:
    turns = say(*(f"message {number}: " + "so " * 10 for number in range(21)))
    conversation = Conversation(messages=turns, drop_oldest=True)
    lengths = {}
    for most in (None, 100, 10_000):
        sampling = SamplingParameters(max_tokens=most)
        reading = await chat_reader.read(Submit(conversation=conversation, sampling=sampling))
        lengths[most] = len(reading.prompts[0].tokens)

    assert lengths[100] <= driver.engine.context_length - 100
    assert lengths[None] == lengths[10_000] > lengths[100]


async def test_what_must_stay_and_is_too_long_is_refused(chat_reader: PromptReader) -> None:
    system = Message(role=Message.SYSTEM, content="Be brief. " * 200)
    messages = [system, *say("a", "b", "c")]
    long_last = say("a", "b", "c " * 2000)

    for conversation in (
        Conversation(messages=messages, drop_oldest=True),
        Conversation(messages=long_last, drop_oldest=True),
    ):
        error = await refusal(chat_reader, Submit(conversation=conversation))
        assert error.reason == ErrorReason.PROMPT_TOO_LONG


async def test_a_message_is_answered_through_the_template(
    chat_reader: PromptReader, driver: Driver
) -> None:
    text, _ = await text_of(chat_reader, driver, Submit(message="Who are you?"))

    expected = "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"
    assert text == expected


@pytest.mark.parametrize("template", [None, "{{ raise_exception('No!') }}"])
async def test_a_message_for_a_model_without_a_template_that_works_is_a_prompt(
    driver: Driver, template: str | None
) -> None:
    renderer = TemplateRenderer(template, begin_mark="", end_mark="") if template else None
    reader = PromptReader(driver.engine, renderer, begin_mark="")

    reading = await reader.read(Submit(message="Who are you?"))
    if renderer is not None:
        await renderer.close()

    assert reading.shape is None
    assert reading.prompts[0].tokens == driver.tokens("Who are you?")


async def test_a_format_binds_the_whole_of_an_answer_that_goes_on(
    chat_reader: PromptReader, driver: Driver
) -> None:
    schema = '{"type": "object", "properties": {"name": {"enum": ["Ada"]}}, "required": ["name"]}'
    messages = [*say("Who?"), Message(role=Message.ASSISTANT, content='{"name": "A')]
    conversation = Conversation(messages=messages, continue_last=True)
    submit = Submit(conversation=conversation, format=OutputFormat(json_schema=schema))

    (prompt,) = (await chat_reader.read(submit)).prompts
    driver.engine.submit(prompt)
    driver.texts[0] = ""
    driver.run()

    assert driver.texts[0] == 'da"}'


@pytest.mark.parametrize("mode", [ToolChoice.AUTO, ToolChoice.REQUIRED])
async def test_an_answer_that_could_not_have_begun_like_that_is_refused(
    chat_reader: PromptReader, mode: ToolChoice.Mode.ValueType
) -> None:
    messages = [*say("Who?"), Message(role=Message.ASSISTANT, content="I am")]
    tools = [Tool(name="look")] if mode == ToolChoice.REQUIRED else []
    wanted = OutputFormat() if tools else OutputFormat(regex="[0-9]+")
    conversation = Conversation(
        messages=messages, continue_last=True, tools=tools, tool_choice=ToolChoice(mode=mode)
    )

    error = await refusal(chat_reader, Submit(conversation=conversation, format=wanted))

    assert error.reason == ErrorReason.FIELD_INVALID
    assert error.metadata["field"] == "messages[1].content"


async def test_a_contradiction_in_a_tool_names_the_tool_and_the_place(
    reader: PromptReader,
) -> None:
    parameters = '{"properties": {"a": {"enum": []}}, "required": ["a"]}'
    tools = [Tool(name="good"), Tool(name="bad", parameters=parameters)]

    error = await refusal(reader, Submit(conversation=with_tools(tools)))

    assert error.reason == ErrorReason.CONSTRAINT_INVALID
    assert error.message == (
        "The parameters of tool 'bad' can't be used: properties.a.enum: it has no values."
    )


async def test_a_schema_is_refused_by_the_same_words_beside_tools(reader: PromptReader) -> None:
    wanted = OutputFormat(json_schema='{"const": 9007199254740993}')
    alone = await refusal(reader, Submit(prompt="Hi", format=wanted))
    beside = await refusal(
        reader, Submit(conversation=with_tools([Tool(name="good")]), format=wanted)
    )

    assert alone.reason == beside.reason == ErrorReason.CONSTRAINT_INVALID
    assert alone.message == beside.message
