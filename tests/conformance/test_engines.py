"""A call can't tell which engine answers it, but by the speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest, Finish, GenerationOptions
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.protocol import EngineError, Sampling, StepReport, TokenLogprob
from funland_worker.engines.vocabulary import banned_runs, detokenize
from tests.conformance.conftest import CONTEXT, GREEDY, SLOTS, Driver, chat
from tests.matchers import NeverForces

QUESTIONS = [
    "Hello!",
    "Tell me a story.",
    "What is the capital of France?",
    "你好",
    "Tell me a story about a frog and a robot who live in a small house by the sea.",
    "What is 7 + 5?",
    "Who are you?",
    "How do I get a real model?",
]
SHORT = replace(GREEDY, max_tokens=24, ignore_end=True)


class OnlyDigits(NeverForces):
    """A format by hand: up to six digits, and then the end."""

    def __init__(self, driver: Driver) -> None:
        vocabulary, tokens = driver.engine.vocabulary, range(driver.engine.vocabulary_size)
        self._digits = frozenset(token for token in tokens if vocabulary.piece(token).isdigit())
        self._ends = frozenset(filter(vocabulary.is_end, tokens))
        self._made = 0

    def allows(self, token: int) -> bool:
        return token in self._allowed

    def mask(self, logits: NDArray[np.float32]) -> None:
        forbidden = [token for token in range(len(logits)) if token not in self._allowed]
        logits[forbidden] = -np.inf

    def accept(self, token: int) -> None:
        assert self.allows(token)
        self._made += token in self._digits

    @property
    def _allowed(self) -> frozenset[int]:
        return self._ends if self._made >= 6 else self._digits


@pytest.mark.parametrize("question", QUESTIONS)
def test_greedy_texts_agree(driver: Driver, reference: Driver, question: str) -> None:
    sampling = replace(GREEDY, max_tokens=60)

    text, outcome = driver.complete(chat(question), sampling)
    expected, counted = reference.complete(chat(question), sampling)

    assert text == expected
    assert (outcome.reason, outcome.prompt_tokens, outcome.completion_tokens) == (
        counted.reason,
        counted.prompt_tokens,
        counted.completion_tokens,
    )


@pytest.mark.parametrize(
    "sampling",
    [
        # Seeds whose numbers fall far from where one token ends and the next begins: engines add up
        # in other orders, and so do processors.
        Sampling(seed=10, max_tokens=30),
        Sampling(seed=19, temperature=1.5, top_k=0, top_p=0.9, min_p=0, max_tokens=30),
        Sampling(temperature=0, repetition_penalty=1.3, max_tokens=30),
        Sampling(temperature=0, frequency_penalty=0.5, presence_penalty=0.5, max_tokens=30),
        Sampling(temperature=0, logit_bias={785: -50.0, 934: 3.0}, max_tokens=30),
    ],
    ids=["seed", "hot", "repetition", "frequency", "bias"],
)
def test_texts_with_a_seed_or_other_scores_agree(
    driver: Driver, reference: Driver, sampling: Sampling
) -> None:
    text, _ = driver.complete(chat("Tell me a story."), sampling)

    assert text == reference.complete(chat("Tell me a story."), sampling)[0]


def test_tokens_are_the_same(driver: Driver, reference: Driver) -> None:
    text = "<|im_start|>user\nHello 你好 🙂 1234<|im_end|>"
    mine, expected = driver.engine.vocabulary, reference.engine.vocabulary

    for parse_special in (True, False):
        tokens = mine.tokenize(text, add_special=True, parse_special=parse_special)
        assert tokens == expected.tokenize(text, add_special=True, parse_special=parse_special)
        assert detokenize(mine, tokens) == text
    assert driver.engine.vocabulary_size == reference.engine.vocabulary_size


def test_many_together_say_the_same_as_alone(driver: Driver) -> None:
    alone = [driver.complete(chat(question), SHORT)[0] for question in QUESTIONS]

    keys = [driver.submit(driver.prompt(chat(question), SHORT)) for question in QUESTIONS]
    reports = driver.run()

    assert [driver.texts[key] for key in keys] == alone
    assert max(report.active_sequences for report in reports) == SLOTS
    assert reports[0].waiting_sequences >= len(QUESTIONS) - SLOTS


def test_one_that_comes_late_does_not_wait_for_the_end_of_the_others(driver: Driver) -> None:
    long = replace(GREEDY, max_tokens=200, ignore_end=True)
    first = driver.submit(driver.prompt(chat("Tell me a story."), long))
    driver.step_until_text(first)

    late = driver.submit(driver.prompt(chat("Hello!"), replace(SHORT, max_tokens=3)))
    while late not in driver.outcomes:
        driver.step()

    assert first not in driver.outcomes
    driver.engine.cancel(first[0])
    driver.run()


def test_a_call_without_a_seed_is_random_and_ends(driver: Driver) -> None:
    # With the default filters the model is so sure of its story that now and then three are alike.
    free = Sampling(temperature=2, top_k=0, top_p=1, min_p=0, max_tokens=30, ignore_end=True)

    texts = {driver.complete(chat("Tell me a story."), free)[0] for _ in range(3)}

    assert len(texts) > 1


def test_max_tokens_ends_with_length(driver: Driver) -> None:
    _, outcome = driver.complete(chat("Tell me a story."), replace(GREEDY, max_tokens=3))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 3)


def test_a_full_context_ends_with_length(driver: Driver) -> None:
    prompt = (driver.tokens("Once upon a time ") * CONTEXT)[: CONTEXT - 20]

    _, outcome = driver.complete(prompt, replace(GREEDY, ignore_end=True))

    assert (outcome.reason, outcome.prompt_tokens) == (Finish.LENGTH, CONTEXT - 20)
    assert outcome.completion_tokens == 20


def test_the_longest_prompt_gives_one_token(driver: Driver) -> None:
    prompt = (driver.tokens("Once upon a time ") * CONTEXT)[: CONTEXT - 1]

    _, outcome = driver.complete(prompt, replace(GREEDY, ignore_end=True))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 1)


def test_a_prompt_may_fill_the_context_if_nothing_is_written(driver: Driver) -> None:
    prompt = (driver.tokens("Once upon a time ") * CONTEXT)[:CONTEXT]

    _, outcome = driver.complete(prompt, replace(GREEDY, max_tokens=0))

    assert (outcome.reason, outcome.prompt_tokens) == (Finish.LENGTH, CONTEXT)
    assert not driver.failures


def test_a_text_of_no_tokens_is_counted_and_says_nothing(driver: Driver) -> None:
    prompt = replace(
        driver.prompt(chat("Tell me a story."), replace(GREEDY, max_tokens=0)), progress=True
    )
    keys = [driver.submit(replace(prompt, choice=choice)) for choice in range(2)]
    reports = driver.run()

    assert [driver.texts[key] for key in keys] == ["", ""]
    for key in keys:
        outcome = driver.outcomes[key]
        assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 0)
        assert outcome.prompt_tokens == len(prompt.tokens)
    assert _done(reports)[-1] == len(prompt.tokens)


def test_progress_ends_with_the_whole_prompt_before_the_first_text(driver: Driver) -> None:
    prompt = driver.prompt(driver.tokens(chat("Tell me a story.")) * 12, SHORT)
    key = driver.submit(replace(prompt, progress=True))
    driver.submit(driver.prompt(chat("Hello!"), SHORT))
    reports: list[StepReport] = []
    while not driver.texts[key]:
        reports.append(driver.step())
    driver.run()

    done = _done(reports)
    assert done == sorted(set(done))
    assert done[-1] == len(prompt.tokens)


def test_likelihoods_of_a_prompt_agree_or_are_refused_by_name(
    driver: Driver, reference: Driver
) -> None:
    told: list[list[TokenLogprob]] = []
    for each in (driver, reference):
        tokens = each.tokens(chat("Tell me a story.")) * 10
        prompt = replace(each.prompt(tokens, replace(GREEDY, max_tokens=1)), prompt_logprobs=2)
        if each.engine.kind == LoadSettings.CTRANSLATE2:
            with pytest.raises(EngineError) as raised:
                each.engine.submit(prompt)
            assert raised.value.metadata == {
                "engine": "CTRANSLATE2",
                "feature": "prompt_logprobs",
            }
            return
        each.submit(prompt)
        ((_, scores),) = [one for report in each.run() for one in report.prompt_logprobs]
        told.append(list(scores))

    mine, expected = told
    assert [one.token for one in mine] == tokens
    assert mine[0].logprob is None
    apart = [
        abs((one.logprob or 0) - (other.logprob or 0))
        for one, other in zip(mine, expected, strict=True)
    ]
    assert max(apart) < 0.3
    assert np.mean(apart) < 0.03
    assert all(len(one.top) == 2 for one in mine[1:])


def test_stop_tokens_end_a_text(driver: Driver) -> None:
    whole, _ = driver.complete(chat("Tell me a story."), replace(GREEDY, max_tokens=40))
    (little,) = driver.engine.vocabulary.tokenize(" little", add_special=False, parse_special=False)

    text, outcome = driver.complete(
        chat("Tell me a story."), replace(GREEDY, stop_tokens=(little,))
    )

    assert (outcome.reason, outcome.stop) == (Finish.STOP, "")
    assert text == whole.partition(" little")[0]


@pytest.mark.parametrize(
    "sampling", [GREEDY, Sampling(seed=3), Sampling(temperature=1.5)], ids=["greedy", "seed", "hot"]
)
def test_what_is_not_wanted_does_not_come(driver: Driver, sampling: Sampling) -> None:
    vocabulary = driver.engine.vocabulary
    words = ["time", "fox", "Felix"]
    limited = replace(sampling, max_tokens=40, min_tokens=30)

    text, outcome = driver.complete(
        chat("Tell me a story."), limited, banned=banned_runs(vocabulary, words)
    )

    assert outcome.completion_tokens >= 30
    for word in words:  # as any tokens that its text is cut into by itself
        assert not set(banned_runs(vocabulary, [word])) & _runs(driver.tokens(text))


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(seed=3), Sampling(temperature=1.5)])
def test_only_what_is_allowed_comes(driver: Driver, sampling: Sampling) -> None:
    allowed = (*driver.tokens("a"), *driver.tokens("b"))

    text, _ = driver.complete(
        chat("Hello!"), replace(sampling, allowed_tokens=allowed, min_tokens=5, max_tokens=9)
    )

    assert len(text) >= 5
    assert set(text) <= {"a", "b"}


def test_a_text_goes_on_to_its_least_tokens_and_no_further_than_it_would(driver: Driver) -> None:
    text, outcome = driver.complete(chat("Hello!"))
    least = outcome.completion_tokens + 5

    longer, more = driver.complete(chat("Hello!"), replace(GREEDY, min_tokens=least))
    same, _ = driver.complete(chat("Hello!"), replace(GREEDY, min_tokens=3))

    assert more.completion_tokens >= least
    assert longer.startswith(text)
    assert "<|" not in longer
    assert same == text


def test_a_stop_string_ends_the_text_before_it(driver: Driver) -> None:
    whole, _ = driver.complete(chat("Tell me a story."), replace(GREEDY, max_tokens=40))

    text, outcome = driver.complete(chat("Tell me a story."), replace(GREEDY, stop=(" little",)))

    assert (outcome.reason, outcome.stop) == (Finish.STOP, " little")
    assert text == whole.partition(" little")[0]


def test_the_models_own_end_is_a_stop_and_can_be_passed_over(driver: Driver) -> None:
    text, outcome = driver.complete(chat("Hello!"))
    longer, passed = driver.complete(
        chat("Hello!"), replace(GREEDY, max_tokens=30, ignore_end=True)
    )

    assert outcome.reason == Finish.STOP
    assert "<|" not in text
    assert (passed.reason, passed.completion_tokens) == (Finish.LENGTH, 30)
    assert longer.startswith(text)


def test_cancelling_ends_all_texts_of_a_sequence_and_leaves_others(driver: Driver) -> None:
    expected, _ = driver.complete(chat("Hello!"), SHORT)
    endless = driver.prompt(chat("Tell me a story."), replace(GREEDY, ignore_end=True))
    gone = [driver.submit(replace(endless, choice=choice)) for choice in range(2)]
    other = driver.submit(driver.prompt(chat("Hello!"), SHORT))
    driver.step_until_text(gone[0])

    driver.engine.cancel(endless.sequence_id)
    said = [driver.texts[key] for key in gone]
    driver.run()

    assert [driver.texts[key] for key in gone] == said
    assert not set(gone) & set(driver.outcomes)
    assert driver.texts[other] == expected


def test_one_that_waits_can_be_cancelled(driver: Driver) -> None:
    keys = [driver.submit(driver.prompt(chat("Hello!"), SHORT)) for _ in range(SLOTS + 1)]
    driver.step()

    driver.engine.cancel(keys[-1][0])
    driver.run()

    assert set(driver.outcomes) == set(keys[:-1])
    assert driver.texts[keys[-1]] == ""


def test_a_slot_is_free_again_after_any_end(driver: Driver) -> None:
    for _ in range(2 * SLOTS):
        key = driver.submit(driver.prompt(chat("Tell me a story."), SHORT))
        driver.step_until_text(key)
        driver.engine.cancel(key[0])

    keys = [driver.submit(driver.prompt(chat("Hello!"), SHORT)) for _ in range(SLOTS)]
    driver.run()

    assert all(driver.outcomes[key].completion_tokens == 24 for key in keys)


def test_who_waits_goes_by_priority_and_is_told_the_place(driver: Driver) -> None:
    long = replace(GREEDY, max_tokens=40, ignore_end=True)
    for _ in range(SLOTS):
        driver.submit(driver.prompt(chat("Tell me a story."), long))
    driver.step()
    low = replace(driver.prompt(chat("Hello!"), SHORT), priority=GenerationOptions.LOW)
    high = replace(driver.prompt(chat("Hello!"), SHORT), priority=GenerationOptions.HIGH)
    driver.submit(low)
    driver.submit(high)

    places = dict(driver.step().positions)
    driver.run()

    assert places == {high.sequence_id: 1, low.sequence_id: 2}
    ended = [sequence_id for sequence_id, _ in driver.outcomes]
    assert ended.index(high.sequence_id) < ended.index(low.sequence_id)


def test_logprobs_agree(driver: Driver, reference: Driver) -> None:
    sampling = replace(GREEDY, max_tokens=12)

    told: list[list[tuple[int, bytes, float | None, list[int]]]] = []
    for each in (driver, reference):
        prompt = replace(each.prompt(chat("Tell me a story."), sampling), top_logprobs=3)
        key = each.submit(prompt)
        each.run()
        told.append(
            [
                (one.token, one.piece, one.logprob, [top.token for top in one.top])
                for one in each.logprobs[key]
            ]
        )

    mine, expected = told
    assert len(mine) == 12
    assert [one[:2] for one in mine] == [one[:2] for one in expected]
    assert [one[2] for one in mine] == pytest.approx([one[2] for one in expected], abs=0.02)
    assert [one[3][0] for one in mine] == [one[3][0] for one in expected]


@pytest.mark.parametrize(
    "sampling", [GREEDY, Sampling(), Sampling(seed=3)], ids=["greedy", "random", "seed"]
)
def test_a_format_binds_the_text(driver: Driver, sampling: Sampling) -> None:
    text, outcome = driver.complete(chat("What is 7 + 5?"), sampling, matcher=OnlyDigits(driver))

    assert text.isdigit()
    assert outcome.reason == Finish.STOP


def test_control_tokens_are_shown_if_asked_for(driver: Driver) -> None:
    sampling = replace(GREEDY, max_tokens=12, ignore_end=True)

    text, _ = driver.complete(chat("Hello!"), sampling, shows_control=True)

    assert "<|im_end|>" in text


def test_embeddings_agree_or_are_refused_by_name(driver: Driver, reference: Driver) -> None:
    tokens = driver.tokens("The cat sleeps on the sofa.")
    for pooling in (EmbedRequest.MEAN, EmbedRequest.CLS, EmbedRequest.LAST):
        if driver.engine.kind == LoadSettings.CTRANSLATE2:
            with pytest.raises(EngineError) as raised:
                driver.engine.embed([tokens], pooling)
            assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
            assert raised.value.metadata == {"engine": "CTRANSLATE2", "feature": "embed"}
            continue

        mine = np.array(driver.engine.embed([tokens], pooling)[0])
        expected = np.array(reference.engine.embed([tokens], pooling)[0])

        cosine = mine @ expected / np.linalg.norm(mine) / np.linalg.norm(expected)
        assert cosine > 0.999


def test_adapters_that_are_not_there_are_refused(driver: Driver) -> None:
    prompt = replace(driver.prompt(chat("Hello!"), SHORT), adapters=(("style", 1.0),))

    with pytest.raises(EngineError) as raised:
        driver.engine.submit(prompt)

    assert raised.value.reason in (
        ErrorReason.ADAPTER_NOT_FOUND,
        ErrorReason.ENGINE_UNSUPPORTED,
    )


def test_ranking_without_a_head_is_refused(driver: Driver) -> None:
    assert not driver.engine.can_rank
    with pytest.raises(EngineError) as raised:
        driver.engine.rank([driver.tokens("query document")])

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


def _done(reports: Sequence[StepReport]) -> list[int]:
    """How far prompts were told to be computed."""
    return [prefill.done for report in reports for _, prefill in report.prefills]


def _runs(tokens: Sequence[int]) -> set[tuple[int, ...]]:
    """All runs of at most eight tokens."""
    return {
        tuple(tokens[begin : begin + length])
        for begin in range(len(tokens))
        for length in range(1, 9)
    }
