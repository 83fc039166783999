"""Batches on CTranslate2, which can't be joined while they run.

So there are several at a time, cohorts: those who wait begin one together. When all may run that do
and somebody still waits, the smallest gives way: its texts wait too and begin anew with the others.
Texts that nobody waits for have cohorts of their own, which pause beside the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.background import Background, Crowd, Part
from funland_worker.engines.ctranslate2.cohort import Cohort, GuessedText, News
from funland_worker.engines.ctranslate2.guesses import guessing
from funland_worker.engines.ctranslate2.library import unsupported
from funland_worker.engines.prompt_news import PromptNews
from funland_worker.engines.protocol import Advance, EngineError, Prompt, StepReport, Vocabulary
from funland_worker.engines.waiting import WaitingQueue

COHORTS = 4
"""How many run at a time."""
_LENGTHS_APART = 32
"""What the longest of a cohort has more than the shortest is computed token by token."""
_STEPS_IN_PEACE = 32
"""A cohort that made so many steps may be made to give way: its texts are computed anew."""
_WAIT_SECONDS = 0.02
"""A step takes no longer, so that calls may come and go while prompts are computed."""


class CTranslate2Engine:
    """See `funland_worker.engines.protocol.Engine`."""

    kind = LoadSettings.CTRANSLATE2
    can_generate = True
    can_rank = False

    def __init__(
        self,
        generator: Any,
        names: Sequence[str],
        vocabulary: Vocabulary,
        *,
        context_length: int,
        slots: int,
        threads: int,
        device: str = "CPU",
    ) -> None:
        """`generator` runs `COHORTS` batches at a time and calls its tokens by `names`."""
        self.context_length = context_length
        self.slots = slots
        self.threads = threads
        self.device = device
        self.vocabulary = vocabulary
        self.vocabulary_size = len(names)
        self._generator = generator
        self._names = names
        self._waiting: WaitingQueue[GuessedText] = WaitingQueue()
        self._running: dict[GuessedText, Cohort] = {}
        self._cohorts: list[Cohort] = []
        self._news: SimpleQueue[list[News]] = SimpleQueue()
        self.background = Background()
        self._lets_background = True
        """Whether a cohort that nobody waits for may begin."""
        self._paced: float | None = None
        """When cohorts were last paced, if there were any to pace."""

    def submit(self, prompt: Prompt) -> None:
        """See `Engine`."""
        if prompt.adapters:
            raise unsupported(
                "adapters", "CTranslate2 can't run this model with adapters; llama.cpp can."
            )
        if prompt.prompt_logprobs is not None:
            raise unsupported(
                "prompt_logprobs",
                "CTranslate2 can't give the scores of a prompt piece by piece; llama.cpp can.",
            )
        self._waiting.add(GuessedText(prompt, self.vocabulary, self.context_length))

    def cancel(self, sequence_id: int) -> None:
        """See `Engine`."""
        self._waiting.cancel(sequence_id)
        for text in [text for text in self._running if text.id == sequence_id]:
            self._running.pop(text).leave([text])

    @property
    def idle(self) -> bool:
        """See `Engine`."""
        return not self._cohorts and not len(self._waiting)

    @property
    def crowd(self) -> Crowd:
        """See `Engine`; there are no jobs that would ask."""
        return Crowd(0, 0, 0)

    @property
    def only_background(self) -> bool:
        """See `Engine`."""
        return not self.idle and not self._live

    def hurry(self) -> None:
        """See `Engine`. A pass can't be taken back."""

    def step(self) -> StepReport:
        """See `Engine`. A pass of one cohort or of several, or a part of a long one."""
        told = PromptNews()
        closed = self._close(told)
        self._pace()
        prompt_tokens = self._begin()
        advances, failures = self._collect(told)
        self._make_way()
        return StepReport(
            advances=[*closed, *advances.values()],
            decoded_sequences=len(advances),
            prompt_tokens=prompt_tokens,
            active_sequences=self._active,
            waiting_sequences=len(self._running) + len(self._waiting) - self._active,
            cached_tokens=sum(len(text.tokens) for text in self._running),
            positions=self._waiting.moved(),
            failures=tuple(failures.items()),
            prefills=tuple(told.prefills),
        )

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """See `Engine`."""
        raise unsupported("embed", "CTranslate2 gives no vectors of texts; llama.cpp does.")

    def put_away(self) -> None:
        """See `Engine`. There is no such place."""

    def rank_pair(self, query: str, document: str) -> list[int]:
        """See `Engine`."""
        raise _no_ranking()

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """See `Engine`."""
        raise _no_ranking()

    def _close(self, told: PromptNews) -> list[Advance]:
        """Ends those who wait and are to have no token. Their prompts are not computed, since no
        later text could use what is."""
        advances: list[Advance] = []
        for text in [text for text in self._waiting if not text.writes]:
            self._waiting.remove(text)
            text.begin()
            text.prompt_computed = len(text.tokens)
            told.add(text, len(text.tokens), whole=True)
            advances.append(text.close())
        return advances

    def _begin(self) -> int:
        """Begins cohorts of those who wait, as far as slots go, and gives the number of tokens that
        they have to compute."""
        prompt_tokens = 0
        while len(self._cohorts) < COHORTS and (texts := self._next_cohort()):
            for text in texts:
                self._waiting.remove(text)
                text.begin()
                prompt_tokens += len(text.tokens)
                if not text.made:
                    text.prompt_computed += len(text.tokens)
            way = guessing(texts[0].prompt)
            cohort = Cohort(self._generator, self._names, texts, way, self._news.put)
            self._cohorts.append(cohort)
            self._running |= dict.fromkeys(texts, cohort)
        return prompt_tokens

    def _next_cohort(self) -> list[GuessedText]:
        """The first who may begin or go on, and those after it who can be computed with it."""
        chosen: list[GuessedText] = []
        for text in self._ready():
            lengths = [len(one.tokens) for one in (*chosen, text)]
            if text.background and not self._lets_background:
                continue
            alike = not chosen or (
                guessing(text.prompt) == guessing(chosen[0].prompt)
                and text.background == chosen[0].background
            )
            if alike and max(lengths) - min(lengths) <= _LENGTHS_APART:
                chosen.append(text)
        return chosen

    @property
    def _active(self) -> int:
        """How many texts have a slot: those that left a cohort keep theirs, unless nobody waits for
        them."""
        return len(self._running) + sum(map(_keeps_slot, self._waiting))

    def _ready(self) -> list[GuessedText]:
        """Those who wait and have a slot, or get one, in order. Slots of those that nobody waits
        for are free for the others, `_give_up_slots` sees to that."""
        free = self.slots - self._active
        taken = sum(text.background for text in self._running)
        ready: list[GuessedText] = []
        for text in self._waiting:
            if not _keeps_slot(text):
                free -= 1
            if _keeps_slot(text) or free + (0 if text.background else taken) >= 0:
                ready.append(text)
        return ready

    @property
    def _live(self) -> bool:
        """Whether there are texts that somebody waits for."""
        return len(self._waiting) > self._waiting.background or not all(
            text.background for text in self._running
        )

    def _pace(self) -> None:
        """Pauses the cohorts that nobody waits for beside others, or lets one make a pass."""
        cohorts = [cohort for cohort in self._cohorts if cohort.background]
        count = len(cohorts) + self._waiting.background
        live = bool(count) and self._live
        if not live:
            self._lets_background, self._paced = True, None
            for cohort in cohorts:
                cohort.spent_ms()
                cohort.resume()
            return
        now = monotonic()
        crowd = Crowd(writing=0, prompts=1, background=count)
        self.background.measured(Part.LIVE, crowd, 1e3 * (now - (self._paced or now)))
        self._paced = now
        for cohort in cohorts:
            cohort.pause()
            if spent := cohort.spent_ms():
                self.background.spent(spent)
        turn = self.background.part(crowd) is Part.BACKGROUND
        self._lets_background = turn and not cohorts
        if turn and cohorts:
            cohorts[0].let_through()

    def _give_up_slots(self) -> None:
        """Has the youngest that nobody waits for leave, if more run than may."""
        over = self._active - self.slots
        background = [text for text in self._running if text.background]
        for text in background[::-1][: max(0, over)]:
            self._running[text].leave([text])

    def _collect(
        self, told: PromptNews
    ) -> tuple[dict[tuple[int, int], Advance], dict[int, EngineError]]:
        """What the texts brought, by sequence and choice, and the errors of sequences that
        failed. `told` takes what there is to tell of prompts."""
        advances: dict[tuple[int, int], Advance] = {}
        failures: dict[int, EngineError] = {}
        try:
            news = self._news.get(timeout=_WAIT_SECONDS)
            while True:
                for one in news:
                    if one.first and one.text in self._running:
                        told.add(one.text, len(one.text.prompt.tokens), whole=True)
                    self._take(one, advances, failures)
                news = self._news.get_nowait()
        except Empty:
            return advances, failures

    def _take(
        self,
        news: News,
        advances: dict[tuple[int, int], Advance],
        failures: dict[int, EngineError],
    ) -> None:
        text = news.text
        if text is None:
            self._cohorts.remove(news.cohort)
            if news.error is not None:
                raise news.error
            return
        if self._running.get(text) is not news.cohort:  # it was cancelled
            return
        if isinstance(news.error, EngineError):
            failures[text.id] = news.error
            self.cancel(text.id)
            return
        if (advance := news.advance) is not None:
            key = (text.id, text.prompt.choice)
            before = advances.get(key)
            advances[key] = advance if before is None else before.joined(advance)
        if news.left:
            del self._running[text]
            if news.advance is None or news.advance.outcome is None:
                self._waiting.add(text)

    def _make_way(self) -> None:
        """Has a cohort give way to those who could run if there were room for one more: the
        smallest of those that have made some steps. Its texts wait after them. One that nobody
        waits for does at once."""
        self._give_up_slots()
        if len(self._cohorts) >= COHORTS and not all(text.background for text in self._ready()):
            for cohort in self._cohorts:
                if cohort.background:
                    cohort.leave(cohort.texts)
                    return
        settled = [cohort for cohort in self._cohorts if cohort.steps >= _STEPS_IN_PEACE]
        if len(self._cohorts) < COHORTS or not settled or not self._ready():
            return
        members: dict[Cohort, list[GuessedText]] = {cohort: [] for cohort in settled}
        for text, cohort in self._running.items():
            if cohort in members:
                members[cohort].append(text)
        smallest = min(settled, key=lambda cohort: len(members[cohort]))
        smallest.leave(members[smallest])


def _keeps_slot(text: GuessedText) -> bool:
    """Whether a text that waits has a slot."""
    return text.begun and not text.background


def _no_ranking() -> EngineError:
    return unsupported("rank", "CTranslate2 can't run ranking heads; llama.cpp can.")
