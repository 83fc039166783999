"""The engine's thread: steps while there is work, jobs between two steps, an end that is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engine_thread import EngineThread
from funland_worker.engines.protocol import EngineError, Prompt, Sampling, StepReport
from funland_worker.gathering import Gathering
from tests.worker.conftest import GREEDY, STORY, Driver

SECONDS = 120
ENDLESS = Sampling(temperature=0, ignore_end=True)


class Running:
    """A thread with a real engine, and its reports."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.reports: asyncio.Queue[StepReport] = asyncio.Queue()
        self.submitted: list[EngineError | None] = []
        self.reads: Callable[[], bool] = lambda: False
        self.gathering = Gathering()
        self.arrives: Callable[[], bool] = lambda: False
        self.thread = EngineThread(
            driver.engine,
            self.reports.put_nowait,
            self.reading,
            self.gathering,
            self.arriving,
        )

    def reading(self) -> bool:
        return self.reads()

    def arriving(self) -> bool:
        return self.arrives()

    def submit(self, sequence_id: int, sampling: Sampling = GREEDY, **more: Any) -> None:
        tokens = self.driver.tokens(STORY)
        prompt = Prompt(sequence_id, tokens, sampling, monotonic(), **more)
        self.thread.submit([prompt], self.submitted.append)

    async def next(self) -> StepReport:
        async with asyncio.timeout(SECONDS):
            return await self.reports.get()


@pytest.fixture
async def running(driver: Driver) -> AsyncIterator[Running]:
    running = Running(driver)
    yield running
    running.thread.stop()


async def test_a_sequence_runs_to_its_end(running: Running) -> None:
    text = ""
    running.submit(1)

    while True:
        (advance,) = (await running.next()).advances
        text += advance.text
        if advance.outcome is not None:
            break

    running.thread.stop()  # an engine is for one thread
    assert text == running.driver.complete(STORY)[0]


async def test_a_sequence_is_told_to_be_in_the_queue_before_its_first_step(
    running: Running,
) -> None:
    running.submit(1)

    await running.next()

    assert running.submitted == [None]


async def test_a_sequence_that_the_engine_refuses_fails_alone(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = running.driver.engine.submit

    def refuse_the_second(prompt: Prompt) -> None:
        if prompt.choice == 1:
            raise EngineError(ErrorReason.ADAPTER_NOT_FOUND, "no")
        submit(prompt)

    monkeypatch.setattr(running.driver.engine, "submit", refuse_the_second)
    tokens = running.driver.tokens(STORY)
    prompts = [Prompt(1, tokens, GREEDY, monotonic(), choice=choice) for choice in range(2)]
    running.thread.submit(prompts, running.submitted.append)
    await running.thread.run(lambda: None)

    (refusal,) = running.submitted
    assert refusal is not None
    assert refusal.reason == ErrorReason.ADAPTER_NOT_FOUND
    assert running.driver.engine.idle
    running.submit(2)
    assert (await running.next()).active_sequences == 1


async def test_the_time_of_the_running_step_is_known(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, go_on = running.driver.engine.step, threading.Event()
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def wait_and_step() -> StepReport:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(SECONDS)
        return step()

    monkeypatch.setattr(running.driver.engine, "step", wait_and_step)
    assert running.thread.step_ms == 0
    running.submit(1)

    async with asyncio.timeout(SECONDS):
        await begun.wait()
    first = running.thread.step_ms

    assert running.thread.step_ms > first > 0
    go_on.set()


async def test_texts_that_are_being_read_begin_with_those_that_are_there(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, came = running.driver.engine.submit, set[int]()

    def note_and_submit(prompt: Prompt) -> None:
        came.add(prompt.sequence_id)
        submit(prompt)

    monkeypatch.setattr(running.driver.engine, "submit", note_and_submit)
    running.gathering.measured(SECONDS)  # a model that is slow enough for them
    running.reads = lambda: len(came) < 2

    running.submit(1)
    await running.thread.run(lambda: None)  # the first waits
    running.submit(2)

    assert {advance.sequence_id for advance in (await running.next()).advances} == {1, 2}


async def test_what_is_cancelled_before_it_began_never_begins(running: Running) -> None:
    running.gathering.measured(SECONDS)
    running.reads = lambda: True

    running.submit(1)
    running.thread.cancel(1)

    await running.thread.run(lambda: None)
    assert running.driver.engine.idle
    assert running.reports.empty()


async def test_a_cancelled_last_sequence_is_told_of(running: Running) -> None:
    running.submit(1)
    assert (await running.next()).active_sequences == 1

    running.thread.cancel(1)

    while (report := await running.next()).active_sequences:
        assert report.advances
    assert report == StepReport([], 0, 0, 0, 0)


async def test_a_job_runs_on_the_engines_thread_between_steps(running: Running) -> None:
    running.submit(1)
    await running.next()

    name = await running.thread.run(lambda: threading.current_thread().name)

    assert name == "engine"
    running.thread.cancel(1)


async def test_jobs_take_turns_with_steps(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = running.driver.engine
    step, steps = engine.step, 0

    def counted() -> StepReport:
        nonlocal steps
        steps += 1
        return step()

    monkeypatch.setattr(engine, "step", counted)
    running.submit(1, ENDLESS)
    await running.next()
    go = threading.Event()
    waiting = [running.thread.run(go.wait), *(running.thread.run(lambda: steps) for _ in range(3))]
    tasks = [asyncio.create_task(each) for each in waiting]
    await asyncio.sleep(0)  # all are in line
    go.set()

    async with asyncio.timeout(SECONDS):
        _, first, second, third = await asyncio.gather(*tasks)
    assert first < second < third
    running.thread.cancel(1)


async def test_a_job_that_fails_fails_its_caller_only(running: Running) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await running.thread.run(fail)

    assert await running.thread.run(lambda: 1) == 1
    assert not running.thread.failed.done()


async def test_a_step_that_fails_is_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> StepReport:
        raise RuntimeError("llama_decode failed with -3")

    monkeypatch.setattr(running.driver.engine, "step", fail)

    running.submit(1)

    async with asyncio.timeout(SECONDS):
        assert "llama_decode" in str(await running.thread.failed)


async def test_a_piece_of_a_job_is_done_at_once_when_nothing_runs(running: Running) -> None:
    async with asyncio.timeout(SECONDS):
        told = await running.thread.run_beside(lambda beside: beside)

    assert told is False
    assert running.driver.engine.background.jobs == 0


async def test_pieces_of_a_job_take_turns_with_steps(running: Running) -> None:
    running.submit(1, ENDLESS)
    await running.next()
    told: list[bool] = []

    while len(told) < 3:
        async with asyncio.timeout(SECONDS):
            told.append(await running.thread.run_beside(lambda beside: beside))

    assert True in told
    running.thread.cancel(1)


async def test_a_piece_waits_until_what_the_one_before_took_is_paid_for(running: Running) -> None:
    running.submit(1, Sampling(temperature=0, ignore_end=True, max_tokens=200))
    await running.next()

    def slow(beside: bool) -> None:
        assert beside
        threading.Event().wait(0.02)  # it takes a while: that is what is paid for

    await running.thread.run_beside(slow)
    while not running.reports.empty():
        running.reports.get_nowait()
    await running.thread.run_beside(lambda _: None)

    reports = running.reports.qsize()
    assert reports > 1  # a fiftieth of a second at a share of 8% is many steps of the tiny model


async def test_a_piece_whose_caller_went_away_is_not_done(running: Running) -> None:
    held, done = threading.Event(), False

    def piece(_: bool) -> None:
        nonlocal done
        done = True

    holding = asyncio.create_task(running.thread.run(held.wait))
    waiting = asyncio.create_task(running.thread.run_beside(piece))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.set()
    await holding
    await running.thread.run(lambda: None)

    assert not done
    assert running.driver.engine.background.jobs == 0


async def test_what_nobody_waits_for_does_not_begin_while_others_come(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long this thread may have to wait for its turn on a busy machine.
    monkeypatch.setattr("funland_worker.engine_thread._ARRIVING_SECONDS", SECONDS)
    comes = threading.Event()
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def arrives() -> bool:
        loop.call_soon_threadsafe(asked.set)
        return not comes.is_set()

    running.arrives = arrives
    running.submit(1, ENDLESS, priority=GenerationOptions.LOW)
    async with asyncio.timeout(SECONDS):
        await asked.wait()
    running.submit(2)
    comes.set()

    report = await running.next()

    assert {advance.sequence_id for advance in report.advances} == {2}
    running.thread.cancel(1)


async def test_who_has_just_come_when_it_is_asked_is_in_the_next_pass(running: Running) -> None:
    came = threading.Event()
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def arrives() -> bool:
        loop.call_soon_threadsafe(asked.set)
        came.wait(SECONDS)
        return False  # nobody else does

    running.arrives = arrives
    running.submit(1, ENDLESS, priority=GenerationOptions.LOW)
    async with asyncio.timeout(SECONDS):
        await asked.wait()
    running.submit(2)
    came.set()

    report = await running.next()

    assert {advance.sequence_id for advance in report.advances} == {2}
    running.thread.cancel(1)


async def test_a_text_that_comes_to_nothing_is_waited_for_a_moment_only(running: Running) -> None:
    running.arrives = lambda: True
    running.submit(1, priority=GenerationOptions.LOW)

    report = await running.next()

    assert [advance.sequence_id for advance in report.advances] == [1]
    running.thread.cancel(1)
