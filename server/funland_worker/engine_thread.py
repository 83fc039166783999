"""The thread that an engine runs on, and the ways in and out of it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from funland_worker.engines.protocol import Engine, Prompt, StepReport

Result = TypeVar("Result")


class EngineThread:
    """Steps an engine while it has sequences, and does other jobs between two steps.

    All its methods are for the event loop's thread, and `deliver` is called there. A step that
    raises ends the process's usefulness: `failed` gets the exception and nothing runs any more.
    """

    def __init__(self, engine: Engine, deliver: Callable[[StepReport], None]) -> None:
        self._engine = engine
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self.failed: asyncio.Future[BaseException] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, prompt: Prompt) -> None:
        """Puts a sequence in the engine's queue."""
        self._do(lambda: self._engine.submit(prompt))

    def cancel(self, sequence_id: int) -> None:
        """Ends a sequence before the next step."""
        self._do(lambda: self._engine.cancel(sequence_id))

    async def run(self, job: Callable[[], Result]) -> Result:
        """Runs a job between two steps and gives its result."""
        future: asyncio.Future[Result] = self._loop.create_future()

        def work() -> None:
            try:
                result = job()
            except Exception as error:  # whatever it is belongs to the caller
                self._loop.call_soon_threadsafe(_settle, future, None, error)
            else:
                self._loop.call_soon_threadsafe(_settle, future, result, None)

        self._do(work)
        return await future

    def stop(self) -> None:
        """Ends the thread after the step that runs now."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _do(self, job: Callable[[], None]) -> None:
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()

    def _run(self) -> None:
        try:
            busy = False
            while self._take_jobs():
                if not self._engine.idle:
                    busy = True
                    report = self._engine.step()
                    self._loop.call_soon_threadsafe(self._deliver, report)
                elif busy:  # the last sequence was cancelled: say that nothing runs any more
                    busy = False
                    self._loop.call_soon_threadsafe(self._deliver, StepReport([], 0, 0, 0, 0))
        except Exception as error:  # an engine that failed can't go on, whatever it was
            self._loop.call_soon_threadsafe(self.failed.set_result, error)

    def _take_jobs(self) -> bool:
        """Does the waiting jobs, at least one if there is nothing else to do; False at the end."""
        with self._wake:
            while not self._jobs and self._engine.idle and not self._stopping:
                self._wake.wait()
            jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            job()
        return not self._stopping


def _settle(future: asyncio.Future[Result], result: Result | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)  # type: ignore[arg-type]  # the result of a job that did not raise
