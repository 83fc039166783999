"""Guesses change how fast a text is made, never what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Finish, Speculation
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.llama_cpp.speculation.lookup import Lookup
from funland_worker.engines.protocol import EngineError, Sampling
from funland_worker.engines.vocabulary import banned_runs
from tests.matchers import NeverForces
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

LOOKUP = Speculation(method=Speculation.PROMPT_LOOKUP)
DRAFT = Speculation(method=Speculation.DRAFT_MODEL)
NONE = Speculation(method=Speculation.NONE)
ALPHABET = "One two three four five six seven. " * 8
LONG = replace(GREEDY, max_tokens=60, ignore_end=True)
DRAWN = replace(LONG, temperature=0.7, seed=38)
TALE = (
    "Once upon a time, a little fox called Felix lived in a quiet forest. One morning, Felix found "
    "a golden key under a tree. Nobody knew whose it was, so Felix set out to find the owner."
)
AGAIN = f"{STORY}{TALE}<|im_end|>\n{STORY}"
"""What the model knows to go on with, and much of it stands there: a pass over several tokens adds
up in another order than one over each, so only a choice with a distance to the next is the same."""


@pytest.fixture(params=[LoadSettings.STREAMS, LoadSettings.UNIFIED], ids=["streams", "unified"])
def start(
    start_engine: StartEngine, model: LlamaModel, request: pytest.FixtureRequest
) -> StartEngine:
    """Makes an engine whose draft model is the model itself: all its guesses are right."""

    def made(**more: object) -> Driver:
        draft = DraftModel(model, model, 256, 1)
        return start_engine(cache=request.param, guesses=Guesses(draft), **more)

    return made


@pytest.mark.parametrize("speculation", [LOOKUP, DRAFT], ids=["lookup", "draft"])
@pytest.mark.parametrize("sampling", [LONG, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("prompt", [STORY, AGAIN], ids=["story", "again"])
def test_texts_are_the_same_with_and_without_guesses(
    start: StartEngine, speculation: Speculation, sampling: Sampling, prompt: str
) -> None:
    driver = start()
    driver.submit(1, prompt, sampling, speculation=NONE)
    driver.run()

    driver.submit(2, prompt, sampling, speculation=speculation)
    driver.run()

    assert driver.texts[2] == driver.texts[1]
    assert driver.outcomes[2].completion_tokens == driver.outcomes[1].completion_tokens
    assert driver.outcomes[1].drafted_tokens == 0


@pytest.mark.parametrize("speculation", [LOOKUP, DRAFT], ids=["lookup", "draft"])
@pytest.mark.parametrize("sampling", [LONG, DRAWN], ids=["greedy", "drawn"])
def test_guesses_keep_to_what_a_caller_wants(
    start: StartEngine, speculation: Speculation, sampling: Sampling
) -> None:
    driver = start()
    fox = driver.tokens(" fox")
    wanted = replace(sampling, ignore_end=False, min_tokens=40, stop_tokens=driver.tokens(" the"))
    banned = banned_runs(driver.engine.vocabulary, ["golden", "fox"])

    for number, method in enumerate((NONE, speculation)):
        driver.submit(number, AGAIN, wanted, speculation=method, banned=banned)
        driver.run()

    assert driver.texts[1] == driver.texts[0]
    assert driver.outcomes[1].completion_tokens == driver.outcomes[0].completion_tokens >= 40
    assert driver.outcomes[1].accepted_tokens > 0
    assert not set(fox) & set(driver.tokens(driver.texts[1]))


def test_a_text_that_repeats_itself_is_guessed_well(start: StartEngine) -> None:
    driver = start()

    driver.submit(1, ALPHABET, LONG, speculation=LOOKUP)
    steps = len(driver.run())

    outcome = driver.outcomes[1]
    assert outcome.accepted_tokens > outcome.drafted_tokens / 2 > 0
    assert steps == outcome.completion_tokens - outcome.accepted_tokens


def test_a_draft_model_that_is_the_model_is_always_right(start: StartEngine) -> None:
    driver = start()
    for number in range(2):
        driver.submit(number, STORY, LONG, speculation=DRAFT)

    driver.run()

    for outcome in driver.outcomes.values():
        assert outcome.accepted_tokens == outcome.drafted_tokens > 30


def test_a_draft_model_reads_a_long_prompt_part_by_part(
    start_engine: StartEngine, model: LlamaModel
) -> None:
    guesses = Guesses(DraftModel(model, model, 2048, 1))
    driver = start_engine(context_length=2048, guesses=guesses)

    _, outcome = driver.complete(ALPHABET * 12, LONG)

    assert outcome.prompt_tokens > 512
    assert outcome.accepted_tokens > 30


def test_texts_beyond_those_that_a_draft_model_holds_go_on_without(start: StartEngine) -> None:
    driver = start(slots=6)
    for number in range(6):
        driver.submit(number, STORY, LONG, speculation=DRAFT)

    driver.run()

    drafted = [driver.outcomes[number].drafted_tokens for number in range(6)]
    assert min(drafted[:4]) > max(drafted[4:])
    assert len(set(driver.texts.values())) == 1


def test_a_cancelled_text_leaves_its_place_in_the_draft_model(start: StartEngine) -> None:
    driver = start(slots=4)
    for number in range(4):
        driver.submit(number, STORY, LONG, speculation=DRAFT)
    for _ in range(3):
        driver.step()

    for number in range(4):
        driver.engine.cancel(number)
    driver.submit(9, STORY, LONG, speculation=DRAFT)
    driver.run()

    assert driver.outcomes[9].accepted_tokens > 30


@pytest.mark.parametrize("speculation", [LOOKUP, DRAFT], ids=["lookup", "draft"])
@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_no_guess_goes_beyond_max_tokens(
    start: StartEngine, speculation: Speculation, most: int
) -> None:
    driver = start()

    driver.submit(1, ALPHABET, replace(LONG, max_tokens=most), speculation=speculation)
    driver.run()

    outcome = driver.outcomes[1]
    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, most)


@pytest.mark.parametrize("speculation", [NONE, LOOKUP, DRAFT], ids=["none", "lookup", "draft"])
def test_guesses_end_where_the_context_does(start: StartEngine, speculation: Speculation) -> None:
    driver = start()

    driver.submit(1, ALPHABET, replace(LONG, max_tokens=None), speculation=speculation)
    driver.run()

    outcome = driver.outcomes[1]
    assert outcome.prompt_tokens + outcome.completion_tokens == 256


@pytest.mark.parametrize("speculation", [LOOKUP, DRAFT], ids=["lookup", "draft"])
def test_a_stop_string_among_guesses_ends_the_text_before_it(
    start: StartEngine, speculation: Speculation
) -> None:
    driver = start()
    whole, _ = driver.complete(ALPHABET, LONG)
    word = whole[9:11]

    driver.submit(1, ALPHABET, replace(LONG, stop=(word,)), speculation=speculation)
    driver.run()

    assert driver.texts[1] == whole[: whole.index(word)]
    assert driver.outcomes[1].reason == Finish.STOP


class OnlyDigits(NeverForces):
    """A matcher that knows the tokens of digits, and nothing else."""

    def __init__(self, driver: Driver) -> None:
        self.allowed = [driver.tokens(digit)[-1] for digit in "0123456789"]
        self.accepted: list[int] = []

    def allows(self, token: int) -> bool:
        return token in self.allowed

    def mask(self, logits: NDArray[np.float32]) -> None:
        keep = logits[self.allowed]
        logits[:] = -np.inf
        logits[self.allowed] = keep

    def accept(self, token: int) -> None:
        self.accepted.append(token)


@pytest.mark.parametrize("speculation", [LOOKUP, DRAFT], ids=["lookup", "draft"])
def test_a_format_is_told_of_each_token_once_and_of_no_wrong_guess(
    start: StartEngine, speculation: Speculation
) -> None:
    driver = start()
    plain, guessed = OnlyDigits(driver), OnlyDigits(driver)
    driver.submit(1, STORY, LONG, matcher=plain, speculation=NONE)
    driver.run()

    driver.submit(2, STORY, LONG, matcher=guessed, speculation=speculation)
    driver.run()

    assert len(guessed.accepted) == 60
    assert guessed.accepted == plain.accepted
    assert driver.texts[2] == driver.texts[1]


class GivesUp(NeverForces):
    """A matcher whose format takes too long to follow after so many tokens."""

    def __init__(self, tokens: int) -> None:
        self.left = tokens

    def allows(self, token: int) -> bool:
        if not self.left:
            raise EngineError(ErrorReason.CONSTRAINT_LIMIT, "too long")
        return True

    def mask(self, logits: NDArray[np.float32]) -> None:
        raise AssertionError

    def accept(self, token: int) -> None:
        self.left -= 1


def test_a_text_that_fails_among_guesses_leaves_nothing_behind(start: StartEngine) -> None:
    driver = start()
    driver.submit(1, STORY, LONG, matcher=GivesUp(20), speculation=DRAFT)

    reports = driver.run()

    ((sequence_id, error),) = reports[-1].failures
    assert (sequence_id, error.reason) == (1, ErrorReason.CONSTRAINT_LIMIT)
    assert driver.engine.idle
    text, outcome = driver.complete(STORY, LONG)
    assert outcome.cached_tokens == outcome.prompt_tokens - 1
    assert text == start().complete(STORY, LONG)[0]


def test_likelihoods_are_told_for_each_token_with_guesses_too(start: StartEngine) -> None:
    driver = start()
    driver.submit(1, ALPHABET, LONG, speculation=LOOKUP, top_logprobs=0, shows_control=True)

    told = [chosen for r in driver.run() for advance in r.advances for chosen in advance.logprobs]

    assert len(told) == driver.outcomes[1].completion_tokens
    assert b"".join(one.piece for one in told).decode(errors="replace") == driver.texts[1]


def test_a_draft_model_that_is_not_there_is_refused(driver: Driver) -> None:
    with pytest.raises(EngineError) as raised:
        driver.submit(1, speculation=DRAFT)

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED


def test_the_models_own_setting_counts_where_a_call_says_nothing(start_engine: StartEngine) -> None:
    driver = start_engine(guesses=Guesses(default=Speculation(method=Speculation.PROMPT_LOOKUP)))
    driver.submit(1, ALPHABET, LONG)
    driver.submit(2, ALPHABET, LONG, speculation=NONE)

    driver.run()

    assert driver.outcomes[1].drafted_tokens > 0
    assert driver.outcomes[2].drafted_tokens == 0


def test_what_followed_the_same_tokens_before_is_the_guess() -> None:
    lookup = Lookup()

    assert lookup.guess([1, 2, 3, 4, 9, 1, 2], 3) == [3, 4, 9]
    assert lookup.guess([1, 2, 3, 4, 9, 1, 2, 8], 3) == []
    assert lookup.guess([1, 2, 3, 4, 9, 1, 2, 8, 1, 2], 2) == [8, 1], "the latest place counts"


def test_a_text_that_goes_round_is_guessed_to_go_on_so() -> None:
    assert Lookup().guess([1, 2, 3, 1, 2, 3, 1, 2], 7) == [3, 1, 2, 3, 1, 2, 3]
