"""Decides who computes what in the next pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

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
from funland_worker.engines.llama_cpp.cache.places import reachable
from funland_worker.engines.llama_cpp.cache.prefix_tree import common_length
from funland_worker.engines.llama_cpp.cache.protocol import Cache, Lease
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.llama_cpp.jumps import run_length
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.llama_cpp.share import Share, by_length, by_slot, stands_alone
from funland_worker.engines.llama_cpp.turns import Turns, turn_of
from funland_worker.engines.prefill import LONGEST_RUN, PrefillBudget, evened, first
from funland_worker.engines.stand_ins import whole
from funland_worker.engines.waiting import WaitingQueue

_WORTH_WAITING = 16
"""A text waits for another's computation if that gives it more tokens than these."""

_NOTHING: Sequence[int] = ()


class Scheduler:
    """Texts that wait and texts that run.

    Those that run are in the order in which they began. A text whose beginning another computes
    already waits for that and is given a copy. Some take turns (`turns.Turns`).

    Texts that nobody waits for pause while `Background` says so, and keep their part of the cache;
    but none of the others waits for a part that one of them has.
    """

    def __init__(self, cache: Cache, rows: int, background: Background, memory: Memory) -> None:
        """`rows` is after how many tokens a pass may give scores."""
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
        self._turns = Turns(even=memory.even_passes, attends_alike=cache.attends_alike)
        self._even = memory.even_passes
        self._parted = cache.attends_alike or memory.keeps_states
        """Whether llama.cpp parts a pass where texts have runs of other lengths in it."""
        self._alike = memory.rolls_back > 0
        self._order: Callable[[Share], Any] = by_length if self._alike else by_slot
        self._passed_over = 0
        """For how many passes in a row the first prompt in line has got nothing."""

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
    def guessable(self) -> list[Generation]:
        """Those whose next tokens may be guessed in the pass that is made now."""
        if self._turns.prompt_is_next:
            return []
        texts = self.taking_part
        if self._alike and any(not (one.decoding or one.leader) for one in texts):
            return []
        if self._alike and any(one.lacking > 1 for one in texts):
            return []
        return texts

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
            if not self._cache.shares_what_runs:
                generation.keep_on_the_way()
            generation.leader, generation.leader_tokens = self._leader(generation)
            self.running.append(generation)
        self._follow()

    def plan(self, guesses: dict[Generation, list[int]]) -> tuple[Uses, list[Share]]:
        """The next pass, by slot, and the adapters that it is computed with. It is of tokens, or of
        rows of pictures and sounds.

        Whoever has no room any more goes back to those who wait, the youngest first.
        """
        while True:
            uses, shares = self._share_out(guesses)
            if self._cache.prepare([(share.lease, len(share.tokens)) for share in shares]):
                if self._part is not Part.ALL or self._turns.is_apart:
                    self._cache.gather([share.lease for share in shares])
                return uses, sorted(shares, key=self._order)
            self.preempt()

    def keep_places(self, shares: Sequence[Share]) -> None:
        """Has what a pass computed kept where it is to be."""
        if self._cache.shares_what_runs:
            return
        for share in shares:
            generation, lease = share.generation, share.lease
            while generation.places and generation.places[0].at <= lease.computed:
                place = generation.places.pop(0)
                if place.at == lease.computed:
                    known = generation.tokens[: place.at]
                    self._cache.keep(lease, known, shared=place.shared)

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
        self._follow()

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

        One gets of it what it lacks, mostly the first to come (`prefill.first`), in runs that are
        about equal (`prefill.evened`), the others only if it suffices for all that they lack:
        llama.cpp computes runs of different lengths in as many goes, and a short one takes hardly
        less than a long one.
        """
        ready = [generation for generation in self.taking_part if generation.leader is None]
        if not ready:  # they wait for what the others compute
            self._part = Part.ALL
            ready = [generation for generation in self.running if generation.leader is None]
        turn = self._turns.whose({turn_of(generation) for generation in ready})
        ready = [generation for generation in ready if turn_of(generation) == turn]
        running = self.taking_part
        decoding = {generation for generation in running if generation.decoding}
        writing = len(decoding)
        if self._alike and guesses:
            guesses = alike(guesses) if decoding.issuperset(ready) else {}
        budget = self.budget.tokens(prompts=len(running) - writing, writing=writing)
        if beside_live(self._part, self._crowd):
            budget = min(budget, self.budget.beside(self._crowd.writing))
        # Each takes one row, and one more for each guess; what is left is for scored prompts.
        rows = self._rows - len(ready) - sum(map(len, guesses.values()))
        began = False
        shares: list[Share] = []
        for generation in self._in_line(ready, decoding):
            lease = generation.lease
            assert lease is not None  # noqa: S101 - it runs
            if generation in decoding:
                shares.append(self._next(generation, lease, guesses.get(generation, []), writing))
                continue
            if not began:
                self._take_chunks(generation, lease)
            shown, wanted = generation.shown, generation.run
            run = min(budget, LONGEST_RUN)
            alone = shown is not None and shown.chunk.at_once
            if alone:
                run = wanted
            elif not began:
                run = evened(wanted, run)
            if scored := generation.lacks_scores:
                run = min(run, rows + 1)
            if not began or (wanted <= run and not (alone or stands_alone(shares))):
                tokens = generation.tokens[lease.computed : lease.computed + min(run, wanted)]
                budget -= len(tokens)
                began = True
                if scored:
                    rows -= len(tokens) - 1
                outputs = int(len(tokens) == generation.lacking)
                shares.append(Share(generation, lease, tokens, outputs, scored=scored, shown=shown))
        return turn[0], self._turns.parted(shares, turn)

    def _next(
        self, generation: Generation, lease: Lease, guessed: list[int], writing: int
    ) -> Share:
        """What a text that writes computes: its latest token with what is guessed of it, or more of
        those that its format wanted."""
        if (forced := generation.lacking - 1) == 0:
            tokens = [generation.tokens[-1], *guessed]
            return Share(generation, lease, tokens, len(tokens), len(guessed))
        run = 1
        if not self._even:
            run = run_length(forced, writing, parted=self._parted)
        run = min(run, generation.run)
        tokens = generation.tokens[lease.computed : lease.computed + run]
        return Share(generation, lease, tokens, int(run == generation.lacking))

    def _take_chunks(self, generation: Generation, lease: Lease) -> None:
        """Gives a prompt what others have of it, as far as it is its turn."""
        if generation.chunks is None:
            generation.chunks = []
            if not (generation.lacks_scores or generation.prompt.media):
                running = (
                    (one.tokens[: one.computed], one.lease)
                    for one in self.running
                    if one is not generation
                    and one.lease is not None
                    and one.prompt.adapters == generation.prompt.adapters
                )
                generation.chunks = self._cache.chunks(
                    generation.tokens, lease.uses, lease.computed, running
                )
        while generation.chunks and generation.chunks[0].at <= lease.computed:
            chunk = generation.chunks.pop(0)
            if chunk.at == lease.computed:
                self._cache.graft(lease, chunk)

    def _in_line(self, ready: list[Generation], decoding: set[Generation]) -> list[Generation]:
        """The same texts, that first whose prompt begins the pass."""
        prompts = [generation for generation in ready if generation not in decoding]
        if len(prompts) < 2:  # noqa: PLR2004 - nobody to pass over
            self._passed_over = 0
            return ready
        place = first([generation.lacking for generation in prompts], self._passed_over)
        self._passed_over = self._passed_over + 1 if place else 0
        if not place:
            return ready
        begins = prompts[place]
        return [begins, *(generation for generation in ready if generation is not begins)]

    def _leader(self, generation: Generation) -> tuple[Generation | None, int]:
        """Who computes, or has computed, more of a text's beginning than the cache gave it."""
        best, most = None, generation.computed
        if generation.lacks_scores:
            return None, 0
        wanted = generation.tokens[:-1]
        for other in self.running:
            if other.prompt.adapters != generation.prompt.adapters:
                continue
            length = common_length(other.tokens, wanted)
            if other.background and not generation.background:  # it may pause at any time
                length = min(length, other.computed)
            length = whole(wanted, length)
            if not self._cache.shares_what_runs:
                length = reachable(other.places, other.computed, length)
            sibling = other.prompt.sequence_id == generation.prompt.sequence_id
            if length > (most if sibling else max(most, generation.computed + _WORTH_WAITING)):
                best, most = other, length
        if best is not None and not self._cache.shares_what_runs:
            best.stop_at(most)
        return best, most if best else 0

    def _follow(self) -> None:
        """Gives those who wait for another's computation their copy, when it is there. Whose leader
        left goes back to those who wait, and whoever follows that one: what was computed can be
        taken over from the cache."""
        while lost := [one for one in self.running if one.leader and one.leader.lease is None]:
            for one in reversed(lost):
                self._put_back(one)
        following = [generation for generation in self.running if generation.leader is not None]
        for generation in reversed(following):
            leader = generation.leader
            if leader is not None and leader.computed >= generation.leader_tokens:
                assert generation.lease is not None  # noqa: S101 - it runs
                assert leader.lease is not None  # noqa: S101 - else both were put back
                known = generation.tokens[: generation.leader_tokens]
                self._cache.share(leader.lease, generation.lease, known)
                generation.leader = None


def alike(guesses: dict[Generation, list[int]]) -> dict[Generation, list[int]]:
    """As many guesses of some texts, and none of the others: of as few as possible is let go."""

    def kept(count: int) -> int:
        return count * sum(len(guessed) >= count for guessed in guesses.values())

    count = max(map(len, guesses.values()), key=kept)
    return {one: guessed[:count] for one, guessed in guesses.items() if len(guessed) >= count}
