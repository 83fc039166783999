"""A text ends where its call says, and its outcome counts what was computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from funland.v1.inference_pb2 import Finish
from funland_worker.engines.continuation import Continuation
from funland_worker.engines.protocol import Advance, Prompt, Sampling, Vocabulary
from funland_worker.engines.sampling.sampler import Sampled

PROMPT = [1, 2, 3]


def text_of(vocabulary: Vocabulary, sampling: Sampling, **more: Any) -> Continuation:
    return Continuation(Prompt(1, PROMPT, sampling, 0.0, **more), vocabulary, 8)


def take(text: Continuation, tokens: Iterable[int]) -> Advance:
    """All tokens' advances as one."""
    first, *others = [text.take(Sampled(token, None)) for token in tokens]
    for later in others:
        first = first.joined(later)
    return first


def tokens(vocabulary: Vocabulary, text: str) -> list[int]:
    return vocabulary.tokenize(text, add_special=False, parse_special=True)


def test_the_shorter_of_max_tokens_and_context_ends_a_text(vocabulary: Vocabulary) -> None:
    (letter,) = tokens(vocabulary, "a")
    for most, room in ((2, 2), (9, 5), (None, 5)):
        text = text_of(vocabulary, Sampling(max_tokens=most))
        assert text.room == room

        before, last = take(text, [letter] * (room - 1)), take(text, [letter])

        assert before.outcome is None
        assert last.outcome is not None
        assert (last.outcome.reason, last.outcome.completion_tokens) == (Finish.LENGTH, room)
        assert before.text + last.text == "a" * room


def test_marks_are_written_only_if_asked_for(vocabulary: Vocabulary) -> None:
    marked = tokens(vocabulary, "a<|im_start|>a")
    assert len(marked) == 3

    assert take(text_of(vocabulary, Sampling()), marked).text == "aa"
    shown = take(text_of(vocabulary, Sampling(), shows_control=True), marked)

    assert shown.text == "a<|im_start|>a"


def test_an_end_mark_ends_a_text_unless_it_is_to_be_passed_over(vocabulary: Vocabulary) -> None:
    (end,) = tokens(vocabulary, "<|im_end|>")

    stopped = take(text_of(vocabulary, Sampling()), [end])
    passed = take(text_of(vocabulary, Sampling(ignore_end=True)), [end])

    assert stopped.outcome is not None
    assert stopped.outcome.reason == Finish.STOP
    assert (passed.outcome, passed.text) == (None, "")


def test_prompt_tokens_that_nobody_computed_count_as_cached(vocabulary: Vocabulary) -> None:
    for computed, cached in ((3, 0), (1, 2), (6, 0)):  # 6: it lost its cells and began anew
        text = text_of(vocabulary, Sampling(max_tokens=1))
        text.begin()
        text.prompt_computed = computed

        outcome = take(text, tokens(vocabulary, "a")).outcome

        assert outcome is not None
        assert (outcome.prompt_tokens, outcome.cached_tokens) == (3, cached)


def test_stop_tokens_end_a_text_and_are_no_part_of_it(vocabulary: Vocabulary) -> None:
    a, b = tokens(vocabulary, "a"), tokens(vocabulary, "b")
    for sampling in (Sampling(stop_tokens=(*b, 9)), Sampling(stop_tokens=(*b,), ignore_end=True)):
        last = take(text_of(vocabulary, sampling), [*a, *b])

        assert last.outcome is not None
        assert (last.text, last.outcome.reason) == ("a", Finish.STOP)
        assert last.outcome.completion_tokens == 2


def test_a_stop_token_lets_what_was_held_back_go(vocabulary: Vocabulary) -> None:
    a, b = tokens(vocabulary, "a"), tokens(vocabulary, "b")

    last = take(text_of(vocabulary, Sampling(stop=("ac",), stop_tokens=(*b,))), [*a, *b])

    assert last.text == "a"


def test_a_text_of_no_tokens_ends_with_length(vocabulary: Vocabulary) -> None:
    assert text_of(vocabulary, Sampling(max_tokens=1)).writes
    text = text_of(vocabulary, Sampling(max_tokens=0))
    text.begin()
    text.prompt_computed = 2

    last = text.close()

    assert not text.writes
    assert last.outcome is not None
    assert (last.text, last.tokens, last.outcome.reason) == ("", 0, Finish.LENGTH)
    assert (last.outcome.completion_tokens, last.outcome.cached_tokens) == (0, 1)


def test_progress_counts_what_others_computed_as_cached(vocabulary: Vocabulary) -> None:
    text = text_of(vocabulary, Sampling())
    text.begin()
    text.prompt_computed = 1

    prefill = text.prefill(2)

    assert (prefill.done, prefill.total, prefill.cached) == (2, 3, 1)
    assert prefill.elapsed_ms >= 0
