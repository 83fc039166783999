"""The thread that an engine runs on, and the ways in and out of it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeVar

from funland_worker.engines.protocol import Engine, EngineError, Prompt, StepReport
from funland_worker.gathering import Gathering

Result = TypeVar("Result")


_ARRIVING_SECONDS = 0.25
_LOOKING_SECONDS = 0.005


class EngineThread:
    """Steps an engine while it has sequences, and does other jobs between two steps.

    What nobody waits for gives way at once: when a text comes that somebody waits for, the pass
    that runs is broken off if it can be, and the next one waits until that text is read.

    All its methods are for the event loop's thread, and `deliver` is called there. A step that
    raises ends the process's usefulness: `failed` gets the exception and nothing runs any more.
    """

    def __init__(
        self,
        engine: Engine,
        deliver: Callable[[StepReport], None],
        reading: Callable[[], bool],
        gathering: Gathering,
        arriving: Callable[[], bool] = lambda: False,
    ) -> None:
        """`reading` says whether texts are about to be submitted, `arriving` whether there are such
        among them that somebody waits for; the engine's thread asks them."""
        self._engine = engine
        self._deliver = deliver
        self._reading = reading
        self._arriving = arriving
        self._hurried = False
        """Whether a pass was broken off for a text that has not come yet."""
        self._gathering = gathering
        self._texts = 0
        """How many sequences were submitted since the engine rested."""
        self._first = False
        """Whether the step that runs is the first since then."""
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[Callable[[], None]] = deque()
        """What comes to all sequences alike, and takes no time: all of it before a step."""
        self._turns: deque[Callable[[], None]] = deque()
        """What takes as long as a step: one before a step."""
        self._pieces: deque[Callable[[bool], None]] = deque()
        """What is done beside live texts, and hears whether there are any."""
        self._wake = threading.Condition()
        self._stopping = False
        self._step_begin: float | None = None
        self.failed: asyncio.Future[BaseException] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    @property
    def step_ms(self) -> float:
        """How long the step that runs now has taken, in milliseconds; 0 if none runs."""
        begin = self._step_begin
        return (monotonic() - begin) * 1000 if begin is not None else 0.0

    def hurry(self) -> None:
        """Makes way for a text that comes and that somebody waits for. Of texts that come to
        nothing only the first is made way for."""
        if not self._hurried:
            self._hurried = True
            self._engine.hurry()

    def submit(self, prompts: Sequence[Prompt], done: Callable[[EngineError | None], None]) -> None:
        """Puts a sequence's texts in the engine's queue.

        `done` is called before any step of them is delivered; with an error, if the engine refused
        one, and then none of them runs.
        """

        def work() -> None:
            refusal = None
            try:
                for prompt in prompts:
                    self._engine.submit(prompt)
            except EngineError as error:
                self._engine.cancel(prompts[0].sequence_id)
                refusal = error
            self._texts += 1
            self._hurried = False
            self._loop.call_soon_threadsafe(done, refusal)

        self._do(work)

    def cancel(self, sequence_id: int) -> None:
        """Ends a sequence before the next step."""
        self._do(lambda: self._engine.cancel(sequence_id))

    async def run(self, job: Callable[[], Result]) -> Result:
        """Runs a job between two steps, one of several, and gives its result."""
        future: asyncio.Future[Result] = self._loop.create_future()

        def work() -> None:
            self._hurried = False
            self._settle(future, job)

        self.hurry()
        with self._wake:
            self._turns.append(work)
            self._wake.notify()
        return await future

    async def run_beside(self, piece: Callable[[bool], Result]) -> Result:
        """Runs a piece of a job that nobody waits for and gives its result: between two steps, if
        there are texts that somebody waits for when they lose little by it. The piece is told
        whether there are."""
        future: asyncio.Future[Result] = self._loop.create_future()

        def work(beside: bool) -> None:
            if not future.done():  # its caller is still there
                self._settle(future, lambda: piece(beside))

        self._engine.background.jobs += 1
        try:
            with self._wake:
                self._pieces.append(work)
                self._wake.notify()
            return await future
        finally:
            self._engine.background.jobs -= 1

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

    def _settle(self, future: asyncio.Future[Result], job: Callable[[], Result]) -> None:
        """Does a job and tells what came of it."""
        try:
            result = job()
        except Exception as error:  # whatever it is belongs to the caller
            self._loop.call_soon_threadsafe(_settle, future, None, error)
        else:
            self._loop.call_soon_threadsafe(_settle, future, result, None)

    def _run(self) -> None:
        try:
            busy = False
            while self._take_jobs():
                if not self._engine.idle:
                    busy = True
                    self._step()
                elif busy:  # the last sequence was cancelled: say that nothing runs any more
                    busy = False
                    self._loop.call_soon_threadsafe(self._deliver, StepReport([], 0, 0, 0, 0))
        except Exception as error:  # an engine that failed can't go on, whatever it was
            self._loop.call_soon_threadsafe(self.failed.set_result, error)

    def _step(self) -> None:
        self._step_begin = begin = monotonic()
        report = self._engine.step()
        self._step_begin = None
        if not report.prompt_tokens:
            self._gathering.measured(monotonic() - begin)
        self._loop.call_soon_threadsafe(self._deliver, report)

    def _take_jobs(self) -> bool:
        """Does the waiting jobs, at least one if there is nothing else to do; False at the end."""
        if self._engine.idle:
            self._texts = 0
            self._do_jobs(None)
            self._do_piece()
            self._gather()
            self._let_arrive()
            self._first = True
        else:
            self._do_jobs(0)
            self._let_arrive()
            self._do_piece()
            if self._first:
                self._gathering.came(self._texts)
                self._first = False
        return not self._stopping

    def _gather(self) -> None:
        """Does the jobs of texts that come together."""
        first = last = monotonic()
        while self._texts and not self._engine.idle and not self._stopping:
            now = monotonic()
            patience = self._gathering.patience(
                self._texts, waited=now - first, quiet=now - last, reading=self._reading()
            )
            if patience <= 0:
                return
            if self._do_jobs(patience):
                last = monotonic()

    def _let_arrive(self) -> None:
        """Does not begin what nobody waits for while others come; but a text takes no longer to
        read than this, or it has come to nothing."""
        begin = monotonic()
        while self._engine.only_background and not self._stopping:
            # Asked before the jobs are done: who does not come any more is among them.
            arriving = self._arriving()
            left = begin + _ARRIVING_SECONDS - monotonic() if arriving else 0.0
            self._do_jobs(min(max(left, 0.0), _LOOKING_SECONDS))
            if left <= 0:
                return

    def _do_piece(self) -> None:
        """Does a piece of a job, if it is its turn."""
        if not self._pieces:
            return
        crowd = self._engine.crowd
        if not self._engine.background.lets_job(crowd):
            return
        beside = bool(crowd.writing or crowd.prompts)
        begin = monotonic()
        self._pieces.popleft()(beside)
        if beside:
            self._engine.background.spent(1e3 * (monotonic() - begin))

    def _do_jobs(self, seconds: float | None) -> int:
        """Does the waiting jobs and one of those that take turns, waits so long for one (None: for
        ever), and says how many."""
        with self._wake:
            resting = seconds is None
            self._wake.wait_for(
                lambda: self._jobs or self._turns or self._stopping or (resting and self._pieces),
                seconds,
            )
            jobs, self._jobs = self._jobs, deque()
            if self._turns:
                jobs.append(self._turns.popleft())
        for job in jobs:
            job()
        return len(jobs)


def _settle(future: asyncio.Future[Result], result: Result | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)  # type: ignore[arg-type]  # the result of a job that did not raise
