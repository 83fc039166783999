"""Texts that nobody waits for give way in every engine, and lose nothing but time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engines.background import Background
from funland_worker.engines.protocol import Sampling
from tests.conformance.conftest import GREEDY, SLOTS, Driver, chat

LOW = GenerationOptions.LOW
QUESTIONS = ("Tell me a story.", "Hello!", "Who are you?", "What is 7 + 5?")
LONG = replace(GREEDY, max_tokens=60, ignore_end=True)
SHORT = replace(GREEDY, max_tokens=24, ignore_end=True)


@pytest.fixture(autouse=True)
def nobody_was_there(driver: Driver) -> None:
    """Forgets the live texts of other tests, whose slots are kept for a while."""
    vars(driver.engine.background).update(vars(Background()))


def low(driver: Driver, question: str, sampling: Sampling = LONG) -> tuple[int, int]:
    return driver.submit(replace(driver.prompt(chat(question), sampling), priority=LOW))


def live(driver: Driver, question: str, sampling: Sampling = SHORT) -> tuple[int, int]:
    return driver.submit(driver.prompt(chat(question), sampling))


def test_who_is_waited_for_never_waits_for_a_slot_of_who_is_not(driver: Driver) -> None:
    background = [low(driver, question) for question in QUESTIONS]
    driver.step_until_text(background[-1])

    callers = [live(driver, question) for question in QUESTIONS]
    while not all(key in driver.outcomes for key in callers):
        driver.step()

    assert len(callers) == SLOTS
    assert not set(background) & set(driver.outcomes)
    driver.run()
    assert set(background) <= set(driver.outcomes)


def test_a_text_that_had_to_pause_and_give_way_is_the_same(driver: Driver) -> None:
    expected = [driver.complete(chat(question), LONG)[0] for question in QUESTIONS]
    answers = [driver.complete(chat(question), SHORT)[0] for question in QUESTIONS]

    background = [low(driver, question) for question in QUESTIONS]
    driver.step_until_text(background[-1])
    callers: list[tuple[int, int]] = []
    for count in (1, 2, 4):
        callers += [live(driver, question) for question in QUESTIONS[:count]]
        driver.step_until_text(callers[-1])
    driver.run()

    assert [driver.texts[key] for key in background] == expected
    told = [driver.texts[key] for key in callers]
    assert told == [*answers[:1], *answers[:2], *answers[:4]]


def test_alone_they_all_run_at_once(driver: Driver) -> None:
    background = [low(driver, question, SHORT) for question in QUESTIONS]

    active = max(report.active_sequences for report in driver.run())

    assert active == SLOTS
    assert set(background) <= set(driver.outcomes)


def test_one_that_pauses_can_be_cancelled(driver: Driver) -> None:
    background = [low(driver, question) for question in QUESTIONS]
    driver.step_until_text(background[-1])
    caller = live(driver, "Hello!")
    driver.step()

    for key in background:
        driver.engine.cancel(key[0])
    driver.run()

    assert set(driver.outcomes) == {caller}


def test_only_background_is_told(driver: Driver) -> None:
    assert not driver.engine.only_background
    first = low(driver, "Hello!", SHORT)
    assert driver.engine.only_background
    driver.step_until_text(first)
    assert driver.engine.only_background
    live(driver, "Hello!")
    assert not driver.engine.only_background
    driver.run()
    assert not driver.engine.only_background
