"""Continuous batching: what a sequence says does not depend on its neighbours."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Finish
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

PROMPTS = [
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    STORY,
    "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n",
    "Once upon a time",
    "The cat",
]
SHORT = replace(GREEDY, max_tokens=20, ignore_end=True)


def test_sequences_join_and_leave_at_any_step(start_engine: StartEngine) -> None:
    alone = [start_engine().complete(prompt, SHORT)[0] for prompt in PROMPTS]
    driver = start_engine(slots=3)
    widths: list[int] = []

    for number, prompt in enumerate(PROMPTS):
        driver.submit(number, prompt, SHORT)
        widths += [driver.step().active_sequences for _ in range(3)]
    driver.run()

    assert [driver.texts[number] for number in range(len(PROMPTS))] == alone
    assert max(widths) == 3, "they ran together, but for those that waited for a slot"


def test_those_without_a_slot_wait_in_order(start_engine: StartEngine) -> None:
    driver = start_engine(slots=2)
    for number in range(4):
        driver.submit(number, sampling=SHORT)

    assert driver.step().waiting_sequences == 2
    driver.run()

    assert list(driver.outcomes) == [0, 1, 2, 3]


def test_one_step_advances_all_sequences(driver: Driver) -> None:
    for number in range(4):
        driver.submit(number, sampling=SHORT)

    reports = driver.run()

    assert max(report.decoded_sequences for report in reports) == 4
    assert sum(len(report.advances) for report in reports) == 4 * 20


def test_cancelling_frees_the_slot_before_the_next_step(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    driver.submit(1)
    driver.step()
    driver.submit(2, sampling=SHORT)

    driver.engine.cancel(1)
    report = driver.step()

    assert [advance.sequence_id for advance in report.advances] == [2]
    assert (report.active_sequences, report.waiting_sequences) == (1, 0)


def test_one_that_waits_can_be_cancelled(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    driver.submit(1, sampling=SHORT)
    driver.submit(2)
    driver.step()

    driver.engine.cancel(2)
    driver.run()

    assert list(driver.outcomes) == [1]
    assert driver.texts[2] == ""


def test_cancelling_what_is_not_there_is_nothing(driver: Driver) -> None:
    driver.engine.cancel(99)

    assert driver.engine.idle


def test_a_cancelled_sequence_does_not_change_its_neighbours(start_engine: StartEngine) -> None:
    alone = start_engine().complete(PROMPTS[0], SHORT)[0]
    driver = start_engine()
    driver.submit(1, PROMPTS[0], SHORT)
    driver.submit(2, PROMPTS[1], SHORT)
    driver.step()

    driver.engine.cancel(2)
    driver.run()

    assert driver.texts[1] == alone


def test_what_the_cache_has_of_a_prompt_is_counted_and_not_computed(driver: Driver) -> None:
    text, first = driver.complete(STORY, SHORT)
    driver.submit(1, STORY, SHORT)
    computed = sum(report.prompt_tokens for report in driver.run())

    again = driver.outcomes[1]

    assert first.cached_tokens == 0
    assert again.cached_tokens == again.prompt_tokens - 1
    assert computed == 1
    assert driver.texts[1] == text


def test_the_next_turn_of_a_chat_computes_only_what_is_new(driver: Driver) -> None:
    text, first = driver.complete(STORY, SHORT)
    turn = f"{STORY}{text}<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"

    _, second = driver.complete(turn, SHORT)

    assert second.cached_tokens >= first.prompt_tokens


def test_when_cells_run_out_texts_stay_the_same(start_engine: StartEngine) -> None:
    long = replace(GREEDY, max_tokens=60, ignore_end=True)
    alone = [start_engine().complete(prompt, long)[0] for prompt in PROMPTS[:3]]
    driver = start_engine(slots=3, context_length=100, kv_cells=100)

    for number, prompt in enumerate(PROMPTS[:3]):
        driver.submit(number, prompt, long)
    reports = driver.run()

    assert [driver.texts[number] for number in range(3)] == alone
    active = [report.active_sequences for report in reports]
    assert any(later < earlier for earlier, later in pairwise(active))
    prompts = sum(outcome.prompt_tokens for outcome in driver.outcomes.values())
    assert sum(report.prompt_tokens for report in reports) > prompts, "some were computed anew"


def test_a_full_context_ends_with_length(start_engine: StartEngine) -> None:
    driver = start_engine(context_length=32)

    _, outcome = driver.complete(STORY, replace(GREEDY, ignore_end=True))

    assert outcome.reason == Finish.LENGTH
    assert outcome.prompt_tokens + outcome.completion_tokens == 32


def test_the_longest_prompt_gives_one_token(start_engine: StartEngine) -> None:
    driver = start_engine(context_length=32, slots=1, kv_cells=32)
    prompt = (driver.tokens("Once upon a time ") * 32)[:31]

    _, outcome = driver.complete(prompt, replace(GREEDY, ignore_end=True))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 1)


def test_max_tokens_ends_with_length(driver: Driver) -> None:
    _, outcome = driver.complete(STORY, replace(GREEDY, max_tokens=3))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 3)


def test_the_models_own_end_is_a_stop_without_text(driver: Driver) -> None:
    text, outcome = driver.complete(PROMPTS[0])

    assert outcome.reason == Finish.STOP
    assert text
    assert "<|im_end|>" not in text


def test_a_stop_string_ends_before_itself(driver: Driver) -> None:
    whole, _ = driver.complete(STORY)
    word = whole.split()[3]

    text, outcome = driver.complete(STORY, replace(GREEDY, stop=(word,)))

    assert outcome.reason == Finish.STOP
    assert text == whole[: whole.index(word)]


def test_ignoring_the_end_goes_on_to_max_tokens(driver: Driver) -> None:
    _, outcome = driver.complete(PROMPTS[0], replace(GREEDY, max_tokens=100, ignore_end=True))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 100)


def test_a_prompt_longer_than_a_step_goes_through_in_parts(start_engine: StartEngine) -> None:
    driver = start_engine(context_length=1024, kv_cells=2048)
    driver.submit(1, PROMPTS[0], replace(GREEDY, max_tokens=60, ignore_end=True))
    driver.step()

    driver.submit(2, driver.tokens("Once upon a time ") * 100, replace(SHORT, max_tokens=1))
    reports = driver.run()

    parts = [report for report in reports if report.prompt_tokens]
    assert len(parts) > 1
    assert all(report.decoded_sequences >= 1 for report in parts), "nobody stands still meanwhile"


def test_embeddings_are_of_length_one_and_close_for_close_texts(driver: Driver) -> None:
    texts = ["The cat sleeps on the sofa.", "A cat sleeps on the sofa.", "如何安装一个模型"]

    cat, other_cat, install = (
        np.array(vector) for vector in driver.engine.embed([driver.tokens(text) for text in texts])
    )

    assert np.linalg.norm(cat) == pytest.approx(1)
    assert cat @ other_cat > cat @ install


def test_an_embedding_does_not_depend_on_what_came_before(driver: Driver) -> None:
    tokens = driver.tokens("The cat sleeps on the sofa.")
    (first,) = driver.engine.embed([tokens])

    again = driver.engine.embed([driver.tokens(STORY), tokens])[1]

    assert again == pytest.approx(first)


def test_embedding_leaves_running_sequences_alone(driver: Driver) -> None:
    alone = driver.complete(STORY, SHORT)[0]
    driver.submit(1, STORY, SHORT)
    driver.step()

    driver.engine.embed([driver.tokens("The cat sleeps on the sofa.")])
    driver.run()

    assert driver.texts[1] == alone


def test_tokens_come_back_as_their_text(driver: Driver) -> None:
    text = "<|im_start|>user\nHello 你好 🙂<|im_end|>"

    assert driver.engine.detokenize(driver.tokens(text)) == text


def test_control_marks_in_plain_text_are_text(driver: Driver) -> None:
    marks = driver.engine.tokenize("<|im_end|>", add_special=False, parse_special=True)
    letters = driver.engine.tokenize("<|im_end|>", add_special=False, parse_special=False)

    assert len(marks) == 1
    assert len(letters) > 1
    assert driver.engine.detokenize(letters) == "<|im_end|>"


@pytest.mark.parametrize("past", [0, 2**31 - 1 - 4096])
def test_a_token_outside_the_vocabulary_is_refused(
    driver: Driver, model: LlamaModel, past: int
) -> None:
    with pytest.raises(EngineError) as raised:
        driver.engine.detokenize([1, model.vocabulary_size + past])

    assert raised.value.reason == ErrorReason.TOKEN_UNKNOWN
