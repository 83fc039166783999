"""The texts of a worker are counted, and told of as what they are."""

from __future__ import annotations

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Delta, Finish
from funland.worker.v1.worker_pb2 import SequenceEvent, Step
from funland_worker.chat.formats import HERMES
from funland_worker.chat.reasoning import ReasoningMarks
from funland_worker.chat.stream import AnswerShape
from funland_worker.engines.protocol import (
    Advance,
    EngineError,
    Outcome,
    StepReport,
    Vocabulary,
)
from funland_worker.open_texts import OpenTexts

SHAPE = AnswerShape(HERMES, frozenset({"get"}), ReasoningMarks("<think>", "</think>"), begun=True)
CALL = '<tool_call>{"name": "get", "arguments": {}}</tool_call>'


def outcome(reason: Finish.Reason.ValueType = Finish.STOP) -> Outcome:
    return Outcome(reason, 1, 2, 0, queue_ms=0, prompt_ms=0, decode_ms=0)


def events(texts: OpenTexts, *advances: Advance) -> list[SequenceEvent]:
    return told(texts, StepReport(list(advances), 0, 0, 0, 0))


def told(texts: OpenTexts, report: StepReport) -> list[SequenceEvent]:
    step = Step()
    texts.tell(report, step.events)
    return list(step.events)


def test_more_texts_than_there_is_room_for_are_refused(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 2, vocabulary)
    texts.admit(1, 2)

    with pytest.raises(EngineError) as raised:
        texts.admit(2, 2)

    assert raised.value.reason == ErrorReason.QUEUE_FULL
    assert raised.value.metadata == {"queue_limit": "2"}
    assert raised.value.retry_seconds is not None
    assert 1 <= raised.value.retry_seconds <= 60
    texts.admit(3, 1)


def test_a_sequence_larger_than_the_room_is_taken_when_it_is_alone(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 0, vocabulary)

    texts.admit(1, 4)

    with pytest.raises(EngineError):
        texts.admit(2, 1)


def test_texts_that_end_make_room(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 0, vocabulary)
    texts.admit(1, 1)
    events(texts, Advance(1, "a", 1, outcome()))

    texts.admit(2, 1)
    told(texts, StepReport([], 0, 0, 0, 0, failures=((2, failure()),)))

    texts.admit(3, 1)
    texts.drop(3)
    texts.drop(3)

    texts.admit(4, 1)
    with pytest.raises(EngineError):
        texts.admit(5, 1)


def test_a_cancelled_sequence_is_told_of_no_more(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 1, vocabulary)
    texts.admit(1, 1)
    texts.drop(1)
    report = StepReport(
        [Advance(1, "a", 1)], 0, 0, 0, 0, positions=((1, 1),), failures=((1, failure()),)
    )

    assert not told(texts, report)


def test_a_text_is_told_as_it_is(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 1, vocabulary)
    texts.admit(1, 2)

    (event,) = events(texts, Advance(1, f"<think>{CALL}", 3, choice=1))

    assert event == SequenceEvent(
        sequence_id=1, choice=1, tokens=3, delta=Delta(text=f"<think>{CALL}")
    )


def test_an_answer_is_told_in_parts_and_its_thoughts_are_counted(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 0, vocabulary)
    texts.admit(1, 1)
    texts.shape(1, SHAPE)

    parts = events(
        texts,
        Advance(1, "Hm.", 2),
        Advance(1, "</think>", 1),
        Advance(1, "Look: ", 2),
        Advance(1, CALL, 9, outcome()),
    )

    assert [event.delta.reasoning for event in parts] == ["Hm.", "", "", ""]
    assert "".join(event.delta.text for event in parts) == "Look:"
    calls = [call.name for event in parts for call in event.delta.tool_calls if call.name]
    assert calls == ["get"]
    assert parts[-1].finish.reason == Finish.TOOL_CALLS
    assert parts[-1].finish.usage.reasoning_tokens == 3


def test_an_answer_that_was_cut_off_says_so_though_it_has_calls(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 0, vocabulary)
    texts.admit(1, 1)
    texts.shape(1, SHAPE)

    (event,) = events(texts, Advance(1, f"</think>{CALL}", 3, outcome(Finish.LENGTH)))

    assert event.finish.reason == Finish.LENGTH


def test_a_call_that_a_stop_string_broke_off_is_not_told_as_made(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 0, vocabulary)
    texts.admit(1, 1)
    texts.shape(1, SHAPE)

    (event,) = events(texts, Advance(1, f"</think>{CALL.rpartition('}}')[0]}", 3, outcome()))

    assert event.delta.tool_calls[0].name == "get"
    assert event.finish.reason == Finish.STOP


def test_messages_that_were_left_out_are_counted_in_each_text(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 1, vocabulary)
    texts.admit(1, 2)
    texts.shape(1, SHAPE, dropped=3)

    both = events(texts, Advance(1, "a", 1, outcome()), Advance(1, "b", 1, outcome(), choice=1))

    assert [event.finish.usage.dropped_messages for event in both] == [3, 3]


def test_each_text_is_read_by_itself(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 1, vocabulary)
    texts.admit(1, 2)
    texts.shape(1, SHAPE)

    first, second = events(texts, Advance(1, "</think>a", 1), Advance(1, "b", 1, choice=1))

    assert (first.delta.text, first.delta.reasoning) == ("a", "")
    assert (second.delta.text, second.delta.reasoning) == ("", "b")


def test_places_in_the_queue_and_failures_are_told(vocabulary: Vocabulary) -> None:
    texts = OpenTexts(1, 1, vocabulary)
    texts.admit(1, 1)
    texts.admit(2, 1)
    report = StepReport([], 0, 0, 0, 0, positions=((1, 3),), failures=((2, failure()),))

    place, failed = told(texts, report)

    assert place == SequenceEvent(sequence_id=1, queue_position=3)
    assert failed.failure.reason == ErrorReason.CONSTRAINT_LIMIT
    assert not texts.has(2)


def failure() -> EngineError:
    return EngineError(ErrorReason.CONSTRAINT_LIMIT, "Too complex.")
