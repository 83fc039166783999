"""What goes wrong at the fake hub, and for which requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.hubs.answers import Answer, in_range
from tests.hubs.record import Asked

Change = Callable[[Answer, Asked], Answer | None]
"""An answer made worse; None where the fault has nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong: before the answer is cut down to the range that was asked for, or after.

    Made by the functions of `kinds.py`.
    """

    name: str
    change: Change
    before: bool = False


@dataclass(slots=True)
class _Rule:
    fault: Fault
    path: str
    method: str | None
    host: str | None
    skip: int
    times: int | None
    every: int
    met: int = field(default=0)

    def apply(self, answer: Answer, asked: Asked) -> Answer | None:
        if not (
            asked.matches(self.path)
            and self.method in (None, asked.method)
            and self.host in (None, asked.host)
        ):
            return None
        changed = self.fault.change(answer, asked)
        if changed is None:
            return None
        self.met += 1
        turn, rest = divmod(self.met - self.skip, self.every)
        if turn < 1 or rest or (self.times is not None and turn > self.times):
            return None
        return changed


class Faults:
    """The faults that are switched on, applied in the order in which they were added."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def add(
        self,
        fault: Fault,
        *,
        path: str = "*",
        method: str | None = None,
        host: str | None = None,
        skip: int = 0,
        times: int | None = None,
        every: int = 1,
    ) -> None:
        """Switches a fault on for requests whose path or URL is like the pattern of a shell.

        It leaves out the first `skip` that it could strike, strikes each `every`-th of the rest,
        and at most `times` of them. `host` is `modelscope`, `huggingface`, `ollama` or `cdn`.
        """
        self._rules.append(_Rule(fault, path, method, host, skip, times, every))

    def clear(self) -> None:
        """Switches all off."""
        self._rules.clear()

    def answer(self, answer: Answer, asked: Asked) -> Answer:
        """What is sent instead of the right answer, in the range that was asked for."""
        worse = self._apply(answer, asked, before=True)
        return self._apply(in_range(worse, asked.headers), asked, before=False)

    def _apply(self, answer: Answer, asked: Asked, *, before: bool) -> Answer:
        for rule in list(self._rules):
            if rule.fault.before == before:
                changed = rule.apply(answer, asked)
                if changed is not None:
                    asked.faults.append(rule.fault.name)
                    answer = changed
        return answer
