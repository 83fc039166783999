"""A pass that nobody waits for is broken off for a text that somebody waits for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from funland.v1.inference_pb2 import GenerationOptions
from funland.v1.models_pb2 import LoadSettings
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

LONG = replace(GREEDY, max_tokens=100, ignore_end=True)


@contextmanager
def hurried(driver: Driver) -> Generator[None]:
    """Texts come all the time."""
    over = threading.Event()

    def hurry() -> None:
        while not over.is_set():
            driver.engine.hurry()

    thread = threading.Thread(target=hurry)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("priority", [GenerationOptions.LOW, GenerationOptions.NORMAL])
def test_only_what_nobody_waits_for_is_broken_off_and_it_goes_on_as_if_it_had_not_been(
    driver: Driver, priority: GenerationOptions.Priority.ValueType, caplog: pytest.LogCaptureFixture
) -> None:
    expected, _ = driver.complete(STORY, LONG)
    driver.submit(1, STORY, LONG, priority=priority)
    broken = 0

    with caplog.at_level(logging.WARNING), hurried(driver):
        for _ in range(200):
            if driver.engine.idle:
                break
            broken += not driver.step().advances
    driver.run()

    assert driver.texts[1] == expected
    assert driver.outcomes[1].completion_tokens == 100
    assert (broken > 0) is (priority == GenerationOptions.LOW)
    assert not caplog.records


def test_a_text_that_comes_meanwhile_begins_with_the_next_pass(driver: Driver) -> None:
    driver.submit(1, STORY, LONG, priority=GenerationOptions.LOW)
    driver.step()
    with hurried(driver):
        while driver.step().advances:
            pass

    driver.submit(2, STORY, replace(LONG, max_tokens=1))
    driver.step()

    assert 2 in driver.outcomes
    driver.run()


def test_a_text_in_one_cache_with_others_goes_on_too(start_engine: StartEngine) -> None:
    driver = start_engine(cache=LoadSettings.UNIFIED)
    expected, _ = driver.complete(STORY, LONG)
    driver.submit(1, STORY, LONG, priority=GenerationOptions.LOW)

    with hurried(driver):
        for _ in range(50):
            driver.step()
    driver.run()

    assert driver.texts[1] == expected
