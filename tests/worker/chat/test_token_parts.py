"""Each token of an answer is told with the part that it belongs to, however the steps are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funland.v1.inference_pb2 import Finish
from funland.v1.inference_pb2 import TokenLogprob as WireLogprob
from funland.worker.v1.worker_pb2 import Step
from funland_worker.chat.formats import DEEPSEEK, HERMES, LLAMA, MISTRAL_ARRAY, ChatFormat
from funland_worker.chat.reasoning import ReasoningMarks
from funland_worker.chat.stream import AnswerShape
from funland_worker.engines.protocol import Advance, Outcome, StepReport, TokenLogprob, Vocabulary
from funland_worker.engines.text import TextStream
from funland_worker.open_texts import OpenTexts
from tests.worker.conftest import GREEDY, Driver

THINK = ReasoningMarks("<think>", "</think>")
FUNCTIONS = frozenset({"get"})
CALL = '<tool_call>{"name": "get", "arguments": {"a": "ü"}}</tool_call>'
Part = WireLogprob.Part


@dataclass
class Told:
    """All that was told of a text."""

    content: str = ""
    reasoning: str = ""
    tokens: list[tuple[bytes, str]] = field(default_factory=list[tuple[bytes, str]])
    """Their bytes and their parts."""

    def of(self, *parts: str) -> str:
        return b"".join(p for p, part in self.tokens if part in parts).decode(errors="replace")


def collect(texts: OpenTexts, reports: Sequence[StepReport]) -> Told:
    told = Told()
    for report in reports:
        step = Step()
        texts.tell(report, step.events)
        for event in step.events:
            told.content += event.delta.text
            told.reasoning += event.delta.reasoning
            told.tokens += [(t.token, Part.Name(t.part)) for t in event.delta.logprobs]
    return told


def read(
    vocabulary: Vocabulary,
    shape: AnswerShape | None,
    pieces: Sequence[bytes],
    steps: Sequence[int],
    *,
    stop: tuple[str, ...] = (),
    end: Finish.Reason.ValueType = Finish.STOP,
) -> Told:
    """Tells of a text that comes in these tokens, so many of them each step. An end mark ends it,
    unless a stop string does."""
    (word,) = vocabulary.tokenize("a", add_special=False, parse_special=False)
    mark = next(filter(vocabulary.is_end, range(vocabulary.size)))
    texts = OpenTexts(1, 0, vocabulary)
    texts.admit(1, 1)
    if shape is not None:
        texts.shape(1, shape)
    stream = TextStream(stop)
    advances: list[Advance] = []
    for piece in pieces:
        token = TokenLogprob(word, piece, -1.0)
        advances.append(Advance(1, stream.feed(piece), 1, logprobs=(token,)))
        if stream.stopped:
            break
    if end == Finish.STOP and not stream.stopped:
        token = TokenLogprob(mark, vocabulary.piece(mark), -1.0)
        advances.append(Advance(1, "", 1, logprobs=(token,)))
    outcome = Outcome(end, 1, len(advances), 0, queue_ms=0, prompt_ms=0, decode_ms=0)
    advances.append(Advance(1, stream.finish(), 0, outcome))
    joined: list[Advance] = []
    places = sorted({0, *(place % len(advances) for place in steps), len(advances)})
    for begin, stop_ in pairwise(places):
        one = advances[begin]
        for later in advances[begin + 1 : stop_]:
            one = one.joined(later)
        joined.append(one)
    # The last token and the end come in one step, as an engine has it.
    if len(joined) > 1 and not joined[-1].tokens:
        joined[-2:] = [joined[-2].joined(joined[-1])]
    return collect(texts, [StepReport([one], 0, 0, 0, 0) for one in joined])


def test_a_plain_text_is_content_and_its_end_mark_is_not(vocabulary: Vocabulary) -> None:
    told = read(vocabulary, None, [b"Hel", b"lo \xe5", b"\xa5\xbd", b"!"], [1, 2])

    parts = [part for _, part in told.tokens]
    assert parts == ["CONTENT", "CONTENT", "CONTENT", "CONTENT", "END"]
    assert told.of("CONTENT") == told.content == "Hello 好!"


def test_a_stop_string_is_no_content_but_what_a_token_has_before_it_is(
    vocabulary: Vocabulary,
) -> None:
    told = read(vocabulary, None, [b"One", b", t", b"wo", b" three"], [1, 2, 3], stop=("two",))

    assert told.content == "One, "
    assert told.tokens == [(b"One", "CONTENT"), (b", ", "CONTENT"), (b"wo", "END")]


def test_thoughts_and_calls_are_parts_of_their_own(vocabulary: Vocabulary) -> None:
    shape = AnswerShape(HERMES, FUNCTIONS, THINK)
    text = f"<think>\nHm.</think>\n\nLet me see. {CALL}\n{CALL}"

    told = read(vocabulary, shape, [c.encode() for c in text], [])

    assert told.of("REASONING") == "<think>\nHm.</think>\n\n"
    assert told.of("CONTENT") == told.content == "Let me see."
    assert told.of("CALLS") == f" {CALL}\n{CALL}"
    assert told.tokens[-1][1] == "END"


@pytest.mark.parametrize("cut", range(1, 12))
def test_what_was_cut_off_within_a_mark_is_told_with_the_finish(
    vocabulary: Vocabulary, cut: int
) -> None:
    shape = AnswerShape(HERMES, FUNCTIONS)
    pieces = [c.encode() for c in f"So: {CALL}"[: 3 + cut]]

    told = read(vocabulary, shape, pieces, range(40), end=Finish.LENGTH)

    assert len(told.tokens) == len(pieces)
    assert told.of("CONTENT") == told.content == "So:"


_PIECES = st.sampled_from(
    [
        *(
            CALL,
            "<tool_call>",
            "</tool_call>",
            '{"name": "get", "arguments": ',
            "<think>",
            "</think>",
        ),
        *("[TOOL_CALLS]", '[{"name": "get", "arguments": {}}]', "<｜tool▁calls▁begin｜>"),  # noqa: RUF001 - as models write it
        *("Hello", " ", "\n\n", "ü", "日本", "🦊", "<", "{", "}", "stop", "st"),
    ]
)


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    chat_format=st.sampled_from([HERMES, LLAMA, MISTRAL_ARRAY, DEEPSEEK]),
    begun=st.booleans(),
    text=st.lists(_PIECES, max_size=8).map("".join),
    cuts=st.lists(st.integers(0, 300)),
    steps=st.lists(st.integers(0, 300)),
    stop=st.sampled_from([(), ("stop",)]),
    end=st.sampled_from([Finish.STOP, Finish.LENGTH]),
)
def test_steps_make_no_difference_and_contents_tokens_are_the_content(
    vocabulary: Vocabulary,
    *,
    chat_format: ChatFormat,
    begun: bool,
    text: str,
    cuts: list[int],
    steps: list[int],
    stop: tuple[str, ...],
    end: Finish.Reason.ValueType,
) -> None:
    shape = AnswerShape(chat_format, FUNCTIONS, THINK, begun)
    raw = text.encode()
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[begin:end] for begin, end in pairwise(places)]

    one = read(vocabulary, shape, pieces, [], stop=stop, end=end)
    other = read(vocabulary, shape, pieces, steps, stop=stop, end=end)
    letters = read(vocabulary, shape, [c.encode() for c in text], steps, stop=stop, end=end)

    assert other == one
    assert letters.of("CONTENT") == letters.content == one.content
    assert one.of("CONTENT") == one.content


def test_a_real_engines_tokens_are_the_content(driver: Driver) -> None:
    prompt = "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    texts = OpenTexts(1, 0, driver.engine.vocabulary)
    texts.admit(1, 1)
    driver.submit(1, prompt, GREEDY, top_logprobs=0)

    told = collect(texts, driver.run())

    assert told.content == driver.texts[1]
    assert told.of("CONTENT") == told.content
    assert [part for _, part in told.tokens][-1] == "END"
    assert len(told.tokens) == driver.outcomes[1].completion_tokens
