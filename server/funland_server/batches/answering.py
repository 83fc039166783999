"""Answers a batch's lines, several at once, each until it has an answer or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from funland_server.batches.asking import Ask
from funland_server.batches.deciding import Again, Failure, Then, Tries, after_failure
from funland_server.batches.entries import Entry
from funland_server.batches.feed import Feed
from funland_server.batches.lines import Lines, Refused
from funland_server.batches.outcomes import OK, Outcome, answered, tokens_of, unanswered
from funland_server.errors import FunlandError
from funland_server.inference.failing import told_error
from funland_server.live import Live


@dataclass(frozen=True, slots=True)
class Shape:
    """What the lines of a batch are."""

    batch_id: str
    endpoint: str
    lines: Lines


class Answering:
    """That of one batch."""

    def __init__(
        self,
        shape: Shape,
        feed: Feed,
        ask: Ask,
        keep: Callable[[Outcome], Awaitable[None]],
        streams: Live[int],
    ) -> None:
        """`streams` is how many lines are answered at once."""
        self._shape = shape
        self._feed = feed
        self._ask = ask
        self._keep = keep
        self._streams = streams
        self._working = 0
        self._alone: list[tuple[Entry, Tries]] = []
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Answers all that the feed has; to be cancelled ends the lines within a step.

        Raises:
            FunlandError: An outcome can't be kept, or a line not be read.
        """
        try:
            async with asyncio.TaskGroup() as self._group:
                self.resize()
        except ExceptionGroup as problems:
            raise _first(problems) from problems
        finally:
            self._group = None
        for entry, tries in self._alone:
            await self._answer(entry, tries)

    def resize(self) -> None:
        """Takes note of another number of streams: more begin at once, too many end with their
        lines."""
        while self._group is not None and self._working < self._streams.now:
            self._working += 1
            self._group.create_task(self._work())

    async def _work(self) -> None:
        while self._working <= self._streams.now:
            entry = await self._feed.next()
            if entry is None:
                break
            await self._answer(entry, Tries())
        self._working -= 1

    async def _answer(self, entry: Entry, tries: Tries) -> None:
        outcome = await self._outcome(entry, tries)
        if outcome is None:
            self._alone.append((entry, tries))
        else:
            await self._keep(outcome)

    async def _outcome(self, entry: Entry, tries: Tries) -> Outcome | None:
        """What becomes of a line; None: it is to be tried alone."""
        number, custom_id = entry.number, entry.custom_id
        try:
            asked = self._shape.lines.read(self._shape.endpoint, entry.body)
        except Refused as refused:
            return answered(number, custom_id, refused.status, refused.body)
        except Exception as error:  # a defect ends no other line
            told = self._told(error, entry)
            return unanswered(number, custom_id, "internal_error", told.message)
        while True:
            try:
                response = await self._ask(asked.request)
                body = asked.answer(response)
            except Refused as refused:
                return answered(number, custom_id, refused.status, refused.body)
            except Exception as error:
                told = self._told(error, entry)
                failure = Failure(told.code, told.reason, told.retry_seconds)
            else:
                return answered(number, custom_id, OK, body, tokens_of(response))
            match after_failure(failure, tries):
                case Again(seconds):
                    await asyncio.sleep(seconds)
                case Then.ALONE:
                    return None
                case Then.TOLD:
                    return answered(number, custom_id, *asked.failure(told.to_wire()))

    def _told(self, error: Exception, entry: Entry) -> FunlandError:
        return told_error(error, batch_id=self._shape.batch_id, line=str(entry.number))


def _first(problems: ExceptionGroup[Any]) -> Exception:
    """What is told of several: they have one cause."""
    first: Exception = problems.exceptions[0]
    return first
