"""The grammar of an answer allows what its format writes, and nothing that could not be read."""

# ruff: noqa: RUF001 - the marks of DeepSeek have fullwidth bars

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from llguidance import LLMatcher

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import OutputFormat
from funland_worker.chat.formats import (
    DEEPSEEK,
    DEEPSEEK_R1,
    HERMES,
    LLAMA,
    MISTRAL,
    MISTRAL_ARRAY,
    ChatFormat,
)
from funland_worker.chat.grammar import answer_grammar
from funland_worker.chat.reasoning import ReasoningMarks
from funland_worker.chat.tools import Calling, Function
from funland_worker.constraints.constraint import Constraint
from funland_worker.constraints.grammar import matcher, to_grammar
from funland_worker.constraints.tokens import token_table, tokenizer
from funland_worker.engines.protocol import Engine, EngineError
from tests.worker.conftest import Driver, StartEngine

THINK = ReasoningMarks("<think>", "</think>")
GET = Function(
    "get",
    "",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
)
GET_ALL = Function("get_all", "", {"properties": {"c": {"type": "string"}}})
BOTH = (GET, GET_ALL)
NUMBER = OutputFormat(
    json_schema='{"type": "object", "properties": {"z": {"type": "integer"}}, "required": ["z"]}'
)
ANY = OutputFormat()


@dataclass(frozen=True)
class Written:
    """Two calls as a format writes them, one after the other."""

    chat_format: ChatFormat
    first: str
    second: str

    @property
    def end(self) -> str:
        """What follows the last call."""
        return "".join(self.chat_format.last)


@dataclass(frozen=True)
class Thought:
    """What is written before the answer."""

    reasoning: ReasoningMarks | None
    begun: bool
    text: str


CALLS = [
    Written(
        HERMES,
        '<tool_call>\n{"name": "get", "arguments": {"a": 1}}\n</tool_call>',
        '\n<tool_call>{"name":"get_all","arguments":{"c":"x"}}</tool_call>',
    ),
    Written(
        LLAMA,
        '<|python_tag|>{"name": "get", "parameters": {"a": 1}}',
        '; {"name": "get_all", "parameters": {}}',
    ),
    Written(
        MISTRAL,
        '[TOOL_CALLS]get[ARGS]{"a": 1}',
        "[TOOL_CALLS]get_all[CALL_ID]aB3456789[ARGS]{}",
    ),
    Written(
        MISTRAL_ARRAY,
        '[TOOL_CALLS] [{"name": "get", "arguments": {"a": 1}}',
        ', {"name": "get_all", "arguments": {}, "id": "aB3456789"}',
    ),
    Written(
        DEEPSEEK_R1,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get\n```json\n"
        '{"a": 1}\n```<｜tool▁call▁end｜>',
        "\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_all\n```json\n{}\n```<｜tool▁call▁end｜>",
    ),
    Written(
        DEEPSEEK,
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜>',
        "<｜tool▁call▁begin｜>get_all<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
    ),
]
THOUGHTS = [
    Thought(None, False, ""),
    Thought(THINK, True, "Perhaps <tool_call> or {.\n</think>\n\n"),
    Thought(THINK, False, "\n<think>\n[TOOL_CALLS]? </think>\n\n"),
    Thought(THINK, False, ""),
]


class Checker:
    """Says whether whole texts follow a grammar, with the tokens of the embedded model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tokenizer = tokenizer(token_table(engine), engine.vocabulary)

    def allows(self, grammar: Constraint | None, text: str) -> bool:
        tokens = self._engine.vocabulary.tokenize(text, add_special=False, parse_special=False)
        state = self.follow(grammar, tokens)
        return state is not None and state.is_accepting()

    def follow(self, grammar: Constraint | None, tokens: list[int]) -> LLMatcher | None:
        """The state after the tokens; None if they don't follow the grammar."""
        assert grammar is not None
        state = matcher(to_grammar(grammar), self._tokenizer)
        return state if state.try_consume_tokens(tokens) == len(tokens) else None


@pytest.fixture(scope="module")
def checker(start_lasting_engine: StartEngine) -> Checker:
    return Checker(start_lasting_engine().engine)


def no_marks(mark: str) -> None:
    """The embedded model's vocabulary has none of the marks."""


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("calls", CALLS, ids=lambda calls: calls.chat_format.name)
def test_calls_that_may_be_made_must_be_right(
    checker: Checker, calls: Written, thought: Thought
) -> None:
    before, first, second, end = thought.text, calls.first, calls.second, calls.end
    grammar = answer_grammar(
        calls.chat_format,
        Calling(BOTH, BOTH),
        ANY,
        thought.reasoning,
        no_marks,
        begun=thought.begun,
    )

    assert checker.allows(grammar, before + "Hello {} <b>[1]")
    assert checker.allows(grammar, before + first + end)
    assert checker.allows(grammar, f"{before}{first}{second}{end}\n")
    assert not checker.allows(grammar, before + first.replace("1", '"x"') + end)
    assert not checker.allows(grammar, before + first.replace("get", "put") + end)
    assert not checker.allows(grammar, before + first[:-1])
    assert not checker.allows(grammar, f"{before}{first}{end} and more")


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("calls", CALLS, ids=lambda calls: calls.chat_format.name)
def test_calls_that_must_be_made_are_made_at_once(
    checker: Checker, calls: Written, thought: Thought
) -> None:
    before, first, second, end = thought.text, calls.first, calls.second, calls.end
    calling = Calling(BOTH, (GET,), required=True, several=False)
    grammar = answer_grammar(
        calls.chat_format, calling, ANY, thought.reasoning, no_marks, begun=thought.begun
    )

    assert checker.allows(grammar, before + first + end)
    assert not checker.allows(grammar, before + "Hello")
    assert not checker.allows(grammar, before)
    assert not checker.allows(grammar, before + first.replace("get", "get_all") + end)
    assert not checker.allows(grammar, before + first + second + end)


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("calls", CALLS, ids=lambda calls: calls.chat_format.name)
def test_a_format_binds_what_is_neither_reasoning_nor_a_call(
    checker: Checker, calls: Written, thought: Thought
) -> None:
    before, first, second, end = thought.text, calls.first, calls.second, calls.end
    grammar = answer_grammar(
        calls.chat_format,
        Calling(BOTH, BOTH),
        NUMBER,
        thought.reasoning,
        no_marks,
        begun=thought.begun,
    )

    assert checker.allows(grammar, before + '{"z": 3}')
    assert checker.allows(grammar, before + first + second + end)
    assert not checker.allows(grammar, before + '{"z": "three"}')
    assert not checker.allows(grammar, before + "Three")


@pytest.mark.parametrize("thought", [*THOUGHTS, Thought(None, False, "")])
@pytest.mark.parametrize("chat_format", [HERMES, LLAMA, MISTRAL, DEEPSEEK])
def test_content_that_is_bound_has_no_space_before_it(
    checker: Checker, chat_format: ChatFormat, thought: Thought
) -> None:
    content = OutputFormat(regex="yes|no")
    grammar = answer_grammar(
        chat_format,
        Calling(BOTH, BOTH),
        content,
        thought.reasoning,
        no_marks,
        begun=thought.begun,
    )

    before = thought.text.lstrip()
    assert checker.allows(grammar, before + "yes")
    assert not checker.allows(grammar, before + "maybe")
    if not before:
        assert not checker.allows(grammar, " yes")
        assert not checker.allows(grammar, "\nyes")


@pytest.mark.parametrize("calls", CALLS, ids=lambda calls: calls.chat_format.name)
@pytest.mark.parametrize("calling", [Calling(), Calling(BOTH, BOTH)], ids=["no calls", "calls"])
def test_without_a_thought_no_space_comes_before_what_is_bound(
    checker: Checker, calls: Written, calling: Calling
) -> None:
    grammar = answer_grammar(calls.chat_format, calling, NUMBER, None, no_marks, begun=False)
    call = calls.first.lstrip() + calls.end

    assert checker.allows(grammar, '{"z": 3}')
    assert checker.allows(grammar, call) == bool(calling.allowed)
    for space in (" ", "\n", "\n\n"):
        assert not checker.allows(grammar, space + '{"z": 3}')
        assert not checker.allows(grammar, space + call)


@pytest.mark.parametrize(
    ("content", "right", "wrong"),
    [
        (OutputFormat(json_object=Empty()), '{"a": [1]}', "[1]"),
        (OutputFormat(json_schema="true"), "[1]", "one"),
        (OutputFormat(regex="[0-9]+/[a-z]"), "12/b", "12/3"),
        (OutputFormat(regex=r"[0-9]+\/[a-z]\\\/"), "12/b\\/", "12/b/"),
        (OutputFormat(grammar='root ::= "{" [a-z]+ "}" | "yes"'), "{ab}", "{}"),
    ],
)
def test_every_format_can_follow_reasoning(
    checker: Checker, content: OutputFormat, right: str, wrong: str
) -> None:
    grammar = answer_grammar(HERMES, Calling(), content, THINK, no_marks, begun=True)

    assert checker.allows(grammar, "Hm.</think>\n" + right)
    assert not checker.allows(grammar, "Hm.</think>\n" + wrong)


def test_a_mark_that_is_a_token_is_allowed_as_that_token(driver: Driver, checker: Checker) -> None:
    (mark,) = driver.engine.vocabulary.tokenize(
        "<|im_start|>", add_special=False, parse_special=True
    )
    marks = ReasoningMarks("<think>", "<|im_start|>")
    grammar = answer_grammar(
        HERMES, Calling(), NUMBER, marks, {"<|im_start|>": mark}.get, begun=True
    )

    assert checker.follow(grammar, [*driver.tokens("Hm. "), mark, *driver.tokens('{"z"')])


def test_any_text_needs_no_grammar() -> None:
    assert answer_grammar(HERMES, Calling(), ANY, THINK, no_marks, begun=True) is None


@pytest.mark.parametrize(
    "content",
    [
        OutputFormat(grammar="root ::= other"),
    ],
)
def test_a_format_that_can_not_be_read_is_refused(content: OutputFormat) -> None:
    with pytest.raises(EngineError) as raised:
        answer_grammar(HERMES, Calling(), content, THINK, no_marks, begun=False)

    assert raised.value.reason == ErrorReason.CONSTRAINT_INVALID


def test_keywords_of_a_tools_schema_that_can_not_be_enforced_are_passed_over(
    checker: Checker,
) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "uniqueItems": True},
            "b": {"type": "string", "pattern": r"^(?!x)\bfoo$"},
            "c": {"enum": [2**60, "x"]},
            "d": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
            "e": {"type": "integer", "multipleOf": 1_000_003},
        },
        "patternProperties": {"^(?=e)": {"type": "null"}},
    }
    told = deepcopy(schema)
    calling = Calling((), (Function("get", "", schema),), required=True)
    grammar = answer_grammar(HERMES, calling, ANY, None, no_marks, begun=False)

    assert checker.allows(
        grammar,
        '<tool_call>{"name": "get", "arguments":'
        ' {"a": [1, 1], "b": "x", "c": 7, "d": -5, "e": 2}}</tool_call>',
    )
    assert schema == told, "the model is told all of it"
