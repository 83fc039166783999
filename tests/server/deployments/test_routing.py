"""Which of several processes answers a call."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import AdapterUse, GenerationOptions, Message, Tool
from funland.worker.v1.worker_pb2 import Conversation, Submit, Tokens
from funland_server.deployments.routing import Beginning, Busy, Recent, beginning, choose


def busy(*calls: int, slots: int = 4) -> list[Busy]:
    return [Busy(count, slots) for count in calls]


CASES = {
    "one process": (busy(7), [0], 0),
    "nothing is known: the least busy": (busy(2, 1, 3), [0, 0, 0], 1),
    "the one that has the beginning": (busy(1, 0), [3, 0], 0),
    "the one that has more of it": (busy(0, 1), [3, 5], 1),
    "of two that have as much the less busy": (busy(2, 1, 0), [5, 5, 0], 1),
    "too busy by more than half its slots": (busy(3, 0), [9, 0], 1),
    "as busy as is still worth it": (busy(2, 0), [9, 0], 0),
    "a little busier among many calls": (busy(12, 11, slots=32), [9, 0], 0),
    "all slots are taken while others have some left": (busy(4, 3), [9, 0], 1),
    "all slots are taken everywhere": (busy(5, 5), [9, 0], 0),
    "one slot: who waits gains nothing": (busy(1, 0, slots=1), [9, 0], 1),
}


@pytest.mark.parametrize(("now", "shared", "chosen"), CASES.values(), ids=CASES)
def test_a_call_goes_where_its_beginning_is_unless_that_is_busy(
    now: list[Busy], shared: list[int], chosen: int
) -> None:
    assert choose(now, shared) == chosen


def test_new_conversations_go_round() -> None:
    """All idle, the first would get all, and the caches of the others would stay empty."""
    now = [Busy(0, 4, chosen=5), Busy(0, 4, chosen=3), Busy(0, 4, chosen=4)]

    assert choose(now, [0, 0, 0]) == 1


def chat(*contents: str, **more: object) -> Submit:
    messages = [Message(role=Message.USER, content=content) for content in contents]
    return Submit(conversation=Conversation(messages=messages, **more))  # type: ignore[arg-type]  # fields of it


def known(*submits: Submit) -> Recent:
    recent = Recent()
    for submit in submits:
        recent.note(beginning(submit))
    return recent


def test_a_later_turn_shares_all_before_it() -> None:
    recent = known(chat("one", "two"))

    assert recent.shared(beginning(chat("one", "two", "three"))) == 2
    assert recent.shared(beginning(chat("one", "other"))) == 1
    assert recent.shared(beginning(chat("two", "one"))) == 0


def test_texts_are_compared_in_parts() -> None:
    document = "a document " * 500
    recent = known(Submit(prompt=f"{document} first question"))

    shared = recent.shared(beginning(Submit(prompt=f"{document} second")))

    assert shared == len(document) // 512
    assert recent.shared(beginning(Submit(prompt=f"x{document}"))) == 0


def test_tokens_are_compared_too() -> None:
    recent = known(Submit(tokens=Tokens(tokens=range(1000))))

    assert recent.shared(beginning(Submit(tokens=Tokens(tokens=[*range(900), 1])))) == 7
    assert recent.shared(beginning(Submit(tokens=Tokens(tokens=[1, *range(900)])))) == 0


@pytest.mark.parametrize(
    "other",
    [
        chat("one", tools=[Tool(name="f")]),
        chat("one", template_arguments='{"a": 1}'),
        Submit(
            conversation=chat("one").conversation,
            options=GenerationOptions(adapters=[AdapterUse(adapter_id="a")]),
        ),
    ],
    ids=["tools", "template_arguments", "adapters"],
)
def test_what_changes_all_keys_and_values_shares_nothing(other: Submit) -> None:
    assert known(chat("one")).shared(beginning(other)) == 0


def test_sampling_changes_nothing_of_a_beginning() -> None:
    warm = chat("one")
    warm.sampling.temperature = 1

    assert known(chat("one")).shared(beginning(warm)) == 1


def test_what_is_remembered_is_bounded_and_first_chunks_go_last() -> None:
    recent = Recent(most=4)
    long = beginning(chat("a", "b", "c", "d", "e", "f"))
    recent.note(long)
    assert recent.shared(long) == 4

    recent.note(beginning(chat("x", "y")))

    assert recent.shared(long) == 2


def test_of_a_huge_prompt_only_the_beginning_is_compared() -> None:
    huge: Beginning = beginning(Submit(prompt="x" * 4_000_000))

    assert len(huge) == 1024


def test_a_process_that_is_another_has_computed_nothing() -> None:
    recent = known(chat("one"))
    recent.forget()

    assert recent.shared(beginning(chat("one"))) == 0
