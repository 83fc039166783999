"""What the calls of a trace come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from funland_cli.bench_statistics import Percentiles
from tools.bench.workloads.answers import Answer, read
from tools.bench.workloads.replaying import Record


@dataclass(frozen=True, slots=True)
class Waits:
    """How long callers wait, in seconds."""

    first: Percentiles
    """To the first piece of text."""
    gap: Percentiles
    """From each piece to the next."""
    whole: Percentiles
    """From a call to its end."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the server's processes took; None: they are not ours to look at."""

    processor_seconds: float | None = None
    peak_mb: float | None = None
    others_cores: float = 0.0
    """How many cores neither the server nor its callers had meanwhile."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A server's figures in one replay of one trace. Tokens are of the answers that were whole, by
    the server's own count."""

    seconds: float
    """From the first call to the end of the last."""
    calls: int
    left: int
    """How many callers were gone before the end, as the trace says."""
    problems: tuple[str, ...]
    prompt_tokens: int
    cached_tokens: int
    made_tokens: int
    drafted_tokens: int
    waits: dict[str, Waits]
    """By group."""
    taken: Taken

    @property
    def computed_tokens(self) -> int:
        """The prompts' tokens that were not cached."""
        return self.prompt_tokens - self.cached_tokens


Texts = dict[tuple[str, int, int], str]
"""What was answered, by the call's group, conversation and turn."""


def measured(records: Sequence[Record], taken: Taken) -> tuple[Figures, Texts]:
    """The figures and the texts of whole answers. There is at least one call."""
    answers = [_answer(record) for record in records]
    both = list(zip(records, answers, strict=True))
    whole = [answer for record, answer in both if not answer.problem and not record.left]
    figures = Figures(
        seconds=max(one.end for one in records) - min(one.start for one in records),
        calls=len(records),
        left=sum(one.left for one in records),
        problems=tuple(answer.problem for answer in answers if answer.problem),
        prompt_tokens=sum(one.prompt_tokens for one in whole),
        cached_tokens=sum(one.cached_tokens for one in whole),
        made_tokens=sum(one.made_tokens for one in whole),
        drafted_tokens=sum(one.drafted_tokens for one in whole),
        waits={
            group: _waits([one for one in both if one[0].group == group])
            for group in dict.fromkeys(record.group for record in records)
        },
        taken=taken,
    )
    texts = {
        (record.group, record.number, record.turn): answer.text
        for record, answer in both
        if answer.text and not answer.problem and not record.left
    }
    return figures, texts


def _answer(record: Record) -> Answer:
    if record.problem:
        return Answer(problem=record.problem)
    answer = read(record.chunks)
    if not answer.problem and not answer.finish and not record.left:
        answer.problem = "the answer has no end"
    return answer


def _waits(both: Sequence[tuple[Record, Answer]]) -> Waits:
    told = [(record, answer) for record, answer in both if answer.arrivals and not answer.problem]
    return Waits(
        first=Percentiles.of(answer.arrivals[0] - record.start for record, answer in told),
        gap=Percentiles.of(
            later - earlier for _, answer in told for earlier, later in pairwise(answer.arrivals)
        ),
        whole=Percentiles.of(record.end - record.start for record, _ in told if not record.left),
    )
