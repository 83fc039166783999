"""Decides who computes what in the next pass."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from funland_worker.engines.background import (
    NOBODY,
    Background,
    Crowd,
    Part,
    beside_live,
    crowd_of,
    taking_part,
    youngest_background,
)
from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.prefix_tree import common_length
from funland_worker.engines.llama_cpp.cache.protocol import Cache, Lease
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.prefill import LONGEST_RUN, PrefillBudget
from funland_worker.engines.waiting import WaitingQueue

_WORTH_WAITING = 16
"""A text waits for another's computation if that gives it more tokens than these."""

_NOTHING: Sequence[int] = ()


class Share(NamedTuple):
    """A text's part of a pass."""

    generation: Generation
    lease: Lease
    tokens: list[int]
    """What is computed: tokens that the cache lacks, then guesses."""
    outputs: int
    """After how many of the last tokens a next one is chosen: 0 if some are still lacking."""
    guesses: int = 0
    scored: bool = False
    """Whether scores are wanted after every token, for what is told of the prompt."""

    @property
    def rows(self) -> int:
        """After how many of the last tokens scores are wanted."""
        return len(self.tokens) if self.scored else self.outputs


class Scheduler:
    """Texts that wait and texts that run.

    Those that run are in the order in which they began. A text whose beginning another computes
    already waits for that and is given a copy. Texts with different adapters take turns: llama.cpp
    computes a pass with one set of them.

    Texts that nobody waits for pause while `Background` says so, and keep their part of the cache;
    but none of the others waits for a part that one of them has.
    """

    def __init__(
        self, cache: Cache, rows: int, background: Background, *, even: bool = False
    ) -> None:
        """`rows` is after how many tokens a pass may give scores. With `even`, texts of which a
        pass computes different numbers of tokens take turns."""
        self.waiting: WaitingQueue[Generation] = WaitingQueue()
        self.running: list[Generation] = []
        self.budget = PrefillBudget()
        self._background = background
        self._crowd = NOBODY
        self._has_background = False
        """Whether there may be texts that nobody waits for: else there is nothing to decide."""
        self._part = Part.ALL
        """Who takes part in the pass that is made now."""
        self._cache = cache
        self._rows = rows
        self._even = even
        self._turn = 0
        self._turns: dict[Uses, int] = {}

    @property
    def idle(self) -> bool:
        """Whether nobody runs or waits."""
        return not self.running and not len(self.waiting)

    @property
    def crowd(self) -> Crowd:
        """Whom a pass could compute."""
        return crowd_of(self.running, self.waiting.background, self._background)

    @property
    def only_background(self) -> bool:
        """Whether there are texts, and nobody waits for any of them."""
        return (
            not self.idle
            and len(self.waiting) == self.waiting.background
            and all(generation.background for generation in self.running)
        )

    @property
    def taking_part(self) -> list[Generation]:
        """Those who run and take part in the pass that is made now."""
        return taking_part(self.running, self._part)

    @property
    def interruptible(self) -> bool:
        """Whether nobody waits for the pass that is made now."""
        crowd = self._crowd
        return crowd.background > 0 and not (crowd.writing or crowd.prompts)

    def add(self, generation: Generation) -> None:
        """Has a text wait."""
        self.waiting.add(generation)
        self._has_background = self._has_background or generation.background

    def admit(self) -> None:
        """Lets those who wait begin, in order, as far as there is room, and decides who takes part
        in the next pass."""
        self._follow()
        self._begin(background=False)
        if not (self._has_background or self._background.jobs):
            self._crowd, self._part = NOBODY, Part.ALL
            return
        self._crowd = self.crowd
        self._has_background = self._crowd.background > 0
        self._part = self._background.part(self._crowd)
        if self._crowd.background:
            kept = self._background.kept_slots(self._crowd, monotonic())
            if self._part is not Part.LIVE:
                self._begin(background=True, kept=kept)

    def measured(self, milliseconds: float) -> None:
        """Learns what the step since `admit` took."""
        if self._crowd is not NOBODY:
            self._background.measured(self._part, self._crowd, milliseconds)

    def _begin(self, *, background: bool, kept: int = 0) -> None:
        """Lets those who wait begin: those that nobody waits for, or all before them. They leave
        `kept` slots free."""
        while (generation := self.waiting.next()) is not None:
            if generation.background != background:
                break
            if kept and len(self.running) >= max(1, self._cache.slots - kept):
                break
            lease = self._cache.admit(
                generation.tokens, generation.prompt.adapters, fresh=generation.lacks_scores
            )
            if lease is None and not background and self._displace():
                continue
            if lease is None:
                if not self.running:
                    raise RuntimeError("there is not enough memory for one sequence")
                break
            lease.lasting = generation.prompt.lasting
            self.waiting.remove(generation)
            generation.start(lease)
            generation.leader, generation.leader_tokens = self._leader(generation)
            self.running.append(generation)
        self._follow()

    def plan(self, guesses: dict[Generation, list[int]]) -> tuple[Uses, list[Share]]:
        """The next pass, by slot, and the adapters that it is computed with.

        Whoever has no room any more goes back to those who wait, the youngest first.
        """
        while True:
            uses, shares = self._share_out(guesses)
            if self._cache.prepare([(share.lease, len(share.tokens)) for share in shares]):
                if self._part is not Part.ALL:
                    self._cache.gather([share.lease for share in shares])
                # Rows in the order of their slots keep llama.cpp from splitting the pass.
                return uses, sorted(shares, key=lambda share: share.lease.slot)
            self.preempt()
            self._follow()

    def preempt(self) -> None:
        """Takes the part of the youngest of the least priority. Those that wait for another's
        computation go first: so there is always one that computes. But before them all go those
        that nobody waits for."""
        if len(self.running) == 1:
            raise RuntimeError("the KV cache is too small for one sequence")
        last = max(
            enumerate(self.running),
            key=lambda one: (
                one[1].background,
                one[1].leader is not None,
                -one[1].priority,
                one[0],
            ),
        )[1]
        self._put_back(last)

    def _displace(self) -> bool:
        """Takes the part of the youngest that nobody waits for, if there is any."""
        generation = youngest_background(self.running)
        if generation is not None:
            self._put_back(generation)
            self._follow()
        return generation is not None

    def _put_back(self, generation: Generation) -> None:
        self.leave(generation)
        self.waiting.put_back(generation)

    def leave(self, generation: Generation) -> None:
        """Takes a text out of those that run, and its part of the cache."""
        self.running.remove(generation)
        if generation.lease is not None:
            self._cache.release(generation.lease, generation.tokens[: generation.computed])
        generation.lease = generation.leader = None

    def _share_out(self, guesses: dict[Generation, list[int]]) -> tuple[Uses, list[Share]]:
        """One token for each that decodes and its guesses, and the budget for prompts.

        The first to come gets of it what it lacks, the others only if it suffices for all that they
        lack: llama.cpp computes runs of different lengths in as many goes, and a short one takes
        hardly less than a long one.
        """
        ready = [generation for generation in self.taking_part if generation.leader is None]
        if not ready:  # they wait for what the others compute
            self._part = Part.ALL
            ready = [generation for generation in self.running if generation.leader is None]
        uses = self._whose_turn({generation.prompt.adapters for generation in ready})
        ready = [generation for generation in ready if generation.prompt.adapters == uses]
        running = self.taking_part
        decoding = {generation for generation in running if generation.decoding}
        writing = len(decoding)
        budget = self.budget.tokens(prompts=len(running) - writing, writing=writing)
        if beside_live(self._part, self._crowd):
            budget = min(budget, self.budget.beside(self._crowd.writing))
        # Each takes one row, and one more for each guess; what is left is for scored prompts.
        rows = self._rows - len(ready) - sum(map(len, guesses.values()))
        began = False
        shares: list[Share] = []
        for generation in ready:
            lease = generation.lease
            assert lease is not None  # noqa: S101 - it runs
            if generation in decoding:
                guessed = guesses.get(generation, _NOTHING)
                tokens = [generation.tokens[-1], *guessed]
                shares.append(Share(generation, lease, tokens, len(tokens), len(guessed)))
                continue
            run = min(budget, LONGEST_RUN)
            if scored := generation.lacks_scores:
                run = min(run, rows + 1)
            if not began or generation.lacking <= run:
                tokens = generation.tokens[lease.computed : lease.computed + run]
                budget -= len(tokens)
                began = True
                if scored:
                    rows -= len(tokens) - 1
                outputs = int(len(tokens) == generation.lacking)
                shares.append(Share(generation, lease, tokens, outputs, scored=scored))
        return uses, evened(shares, self._turn) if self._even else shares

    def _whose_turn(self, candidates: set[Uses]) -> Uses:
        """The adapters of the next pass, of those that texts want: who waits longest."""
        uses = min(candidates, key=lambda uses: self._turns.get(uses, 0))
        self._turn += 1
        self._turns = {key: turn for key, turn in self._turns.items() if turn > self._turn - 1000}
        self._turns[uses] = self._turn
        return uses

    def _leader(self, generation: Generation) -> tuple[Generation | None, int]:
        """Who computes, or has computed, more of a text's beginning than the cache gave it."""
        best, most = None, generation.computed
        if generation.lacks_scores or not self._cache.shares_what_runs:
            return None, 0
        wanted = generation.tokens[:-1]
        for other in self.running:
            if other.prompt.adapters != generation.prompt.adapters:
                continue
            length = common_length(other.tokens, wanted)
            if other.background and not generation.background:  # it may pause at any time
                length = min(length, other.computed)
            sibling = other.prompt.sequence_id == generation.prompt.sequence_id
            if length > (most if sibling else max(most, generation.computed + _WORTH_WAITING)):
                best, most = other, length
        return best, most if best else 0

    def _follow(self) -> None:
        """Gives those who wait for another's computation their copy, when it is there."""
        following = [generation for generation in self.running if generation.leader is not None]
        for generation in reversed(following):
            leader = generation.leader
            if leader is None:
                continue
            if leader.lease is None:  # it left: its part can be taken over from the cache
                self._put_back(generation)
            elif leader.computed >= generation.leader_tokens:
                assert generation.lease is not None  # noqa: S101 - it runs
                known = generation.tokens[: generation.leader_tokens]
                self._cache.share(leader.lease, generation.lease, known)
                generation.leader = None


def evened(shares: list[Share], turn: int) -> list[Share]:
    """One prompt alone, or in every other turn all that write."""
    writing = [share for share in shares if share.generation.decoding]
    prompts = [share for share in shares if not share.generation.decoding]
    return writing if not prompts or (writing and turn % 2) else prompts[:1]
