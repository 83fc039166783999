"""Texts that CTranslate2 computes together, from their common start until the last has ended."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.continuation import Continuation
from funland_worker.engines.ctranslate2.guesses import Guessing, GuessSampler
from funland_worker.engines.protocol import (
    Advance,
    EngineError,
    ModelOutputError,
    Prompt,
    Vocabulary,
)
from funland_worker.engines.sampling.sampler import Sampled


class GuessedText(Continuation):
    """A text that CTranslate2 guesses."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary, context_length: int) -> None:
        super().__init__(prompt, vocabulary, context_length)
        self.sampler = GuessSampler(prompt, vocabulary)


@dataclass(frozen=True, slots=True)
class News:
    """What a cohort brings: an advance of a text, or its own end."""

    cohort: Cohort
    text: GuessedText | None = None
    advance: Advance | None = None
    first: bool = False
    """Whether the advance has the text's first token, so that its prompt is computed."""
    left: bool = False
    """Whether the text is no longer in the batch, be it at its end or not."""
    error: BaseException | None = None
    """Why the text failed, or the cohort, if this is no news of a text."""


class Cohort:
    """One call of `generate_batch`, on a thread of its own. `tell` is called there."""

    def __init__(
        self,
        generator: Any,
        names: Sequence[str],
        texts: Sequence[GuessedText],
        way: Guessing,
        tell: Callable[[list[News]], None],
    ) -> None:
        """Begins. `names` are the tokens' names by id; `tell` gets the news of a pass at once."""
        # CTranslate2 orders a batch so, and the rows of its scores are in that order.
        self.texts = sorted(texts, key=lambda text: -len(text.tokens))
        self.way = way
        self.steps = 0
        self.background = texts[0].background
        """Whether nobody waits for its texts: it has only such, or none."""
        self._spent_ms = 0.0
        self._gate = threading.Event()
        self._gate.set()
        self._resumed = monotonic()
        self._leaving: set[int] = set()
        self._generator = generator
        self._names = names
        self._tell = tell
        self._rows: NDArray[np.float32] | None = None
        self._new_pass = True
        self._alive = list(range(len(self.texts)))
        self._left: set[int] = set()
        self._news: list[News] = []
        threading.Thread(target=self._run, name="cohort", daemon=True).start()

    def leave(self, texts: Sequence[GuessedText]) -> None:
        """Has texts leave the batch at their next token, which is let come."""
        self._leaving.update(place for place, text in enumerate(self.texts) if text in texts)
        self._gate.set()

    def pause(self) -> None:
        """Has it stop behind the pass that it computes now."""
        self._gate.clear()

    def resume(self) -> None:
        """Has it go on."""
        self._gate.set()

    def let_through(self) -> None:
        """Has it make one more pass, if it has stopped."""
        self._gate.set()
        self._gate.clear()

    def spent_ms(self) -> float:
        """What its passes took since this was last asked."""
        spent, self._spent_ms = self._spent_ms, 0.0
        return spent

    def _run(self) -> None:
        prompts = [[self._names[token] for token in text.tokens] for text in self.texts]
        shortest = min(map(len, prompts))
        try:
            self._generator.generate_batch(
                prompts,
                include_prompt_in_result=False,
                max_length=max(len(text.tokens) - shortest + text.room for text in self.texts),
                end_token=[],  # we say when a text ends
                sampling_topk=self.way.top_k,
                sampling_temperature=self.way.temperature,
                return_logits_vocab=self.way.checked,
                return_scores=not self.way.checked,  # they tell whether the logits are numbers
                callback=self._take,
            )
        except BaseException as error:  # it is told, and the engine raises it
            self._tell([*self._news, News(self, error=error)])
        else:
            self._tell([*self._news, News(self)])

    def _take(self, result: Any) -> bool:
        """Takes a token of one text; True ends that text's part in the batch."""
        if self._new_pass:
            self._new_pass = False
            self._spent_ms += 1e3 * (monotonic() - self._resumed)
            self._gate.wait()
        place: int = result.batch_id
        # The shortest prompt is the last in the batch, and has a token in every pass.
        last = max(one for one in range(len(self.texts)) if one not in self._left)
        news = self._follow(place, result)
        self.steps = max(self.steps, result.step + 1)
        self._news.append(news)
        if news.left:
            self._left.add(place)
        if place == last:
            self._tell(self._news)
            self._news = []
            self._new_pass = True
            self._resumed = monotonic()
        return news.left

    def _follow(self, place: int, result: Any) -> News:
        text = self.texts[place]
        guess: int = result.token_id
        logits = self._scores(place, guess, result) if self.way.checked else None
        if place in self._leaving:
            return News(self, text, left=True)
        try:
            if logits is not None:
                sampled = text.sampler.check(guess, logits)
            elif math.isfinite(result.log_prob):
                sampled = Sampled(guess, None)
            else:
                raise ModelOutputError
        except EngineError as error:  # see `TokenSampler.sample`
            return News(self, text, left=True, error=error)
        advance = text.take(sampled)
        ends = sampled.token != guess or advance.outcome is not None or result.is_last
        return News(self, text, advance, first=text.made == 1, left=ends)

    def _scores(self, place: int, guess: int, result: Any) -> NDArray[np.float32]:
        """The scores that a text's token was chosen from.

        Of a step's texts only the first is handed scores: those of all that are in the batch, in
        its order. Nothing documents this, so it is checked.
        """
        if result.logits.shape:
            self._alive = [one for one in self._alive if one not in self._left]
            self._rows = np.array(result.logits)
        if self._rows is None or len(self._rows) != len(self._alive):
            raise RuntimeError("CTranslate2's scores are not those of the batch")
        row: NDArray[np.float32] = self._rows[self._alive.index(place)]
        if self.way.top_k == 1 and row[guess] < row.max():
            raise RuntimeError("CTranslate2's scores are in another order than the batch")
        return row
