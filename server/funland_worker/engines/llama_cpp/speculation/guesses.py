"""Guesses the next tokens of texts, which the model then checks in one pass."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Speculation
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.lookup import Lookup
from funland_worker.engines.protocol import EngineError, Prompt

_DEFAULT_MOST = 8
_FIRST = 2


class _Guesser:
    """How one text is guessed, and how far ahead.

    On two cores a guess costs a third of a pass even if it is wrong. So guessing begins with few,
    goes on with more while they are right, and a text that is guessed badly is guessed only now and
    then.
    """

    def __init__(self, most: int, *, by_draft_model: bool) -> None:
        self.by_draft_model = by_draft_model
        self.lookup = Lookup()
        self.ahead = min(most, _FIRST)
        self._most = most
        self._pause = 0
        self._failures = 0

    def due(self) -> bool:
        """Whether to guess in this pass."""
        if self._pause:
            self._pause -= 1
        return not self._pause

    def learn(self, made: int, right: int) -> None:
        """Takes note how many of the guesses were right."""
        if right == made:
            self.ahead = min(self._most, 2 * self.ahead)
        elif right:
            self.ahead = max(1, right + 1)
        else:
            self.ahead = max(1, self.ahead // 2)
        self._failures = 0 if right else self._failures + 1
        self._pause = min(64, 1 << self._failures) if self._failures else 0


class Guesses:
    """All guesses of one engine."""

    most = 32
    """Rows of a pass with guesses, of all texts that write: more gain nothing."""

    def __init__(
        self, draft_model: DraftModel | None = None, default: Speculation | None = None
    ) -> None:
        """`default` is for texts that do not say how they want to be guessed."""
        self._draft_model = draft_model
        self._default = default or Speculation()
        self._guessers: dict[Generation, _Guesser | None] = {}
        """None for texts that are not to be guessed."""

    @property
    def ahead(self) -> int:
        """How many tokens are guessed where a text does not say how; 0: none."""
        method, most = self._how(Speculation())
        return 0 if method == Speculation.NONE else most

    def check(self, prompt: Prompt) -> None:
        """Refuses what can't be done.

        Raises:
            EngineError: ENGINE_UNSUPPORTED, for a draft model that is not there.
        """
        if prompt.speculation.method == Speculation.DRAFT_MODEL and self._draft_model is None:
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                "The model was loaded without a draft model; load it with `draft_model`.",
                engine="LLAMA_CPP",
                feature="speculation",
            )

    def make(self, running: Sequence[Generation], most: int) -> dict[Generation, list[int]]:
        """The guesses for the next pass, at most so many for a text."""
        decoding = [generation for generation in running if generation.decoding]
        each = self.most // max(1, len(decoding)) - 1
        drafted: dict[Generation, int] = {}
        guesses: dict[Generation, list[int]] = {}
        for generation in decoding:
            guesser = self._guesser(generation)
            # A state that is to be kept at a place must not have gone beyond it by a guess.
            if guesser is None or generation.places or generation.lacking > 1:
                continue
            limit = min(guesser.ahead, each, most, generation.room - 1)
            if limit <= 0 or not guesser.due():
                continue
            if guesser.by_draft_model:
                drafted[generation] = limit
            else:
                guesses[generation] = guesser.lookup.guess(generation.tokens, limit)
        if self._draft_model is not None and drafted:
            guesses |= self._draft_model.guess(drafted)
        return {generation: guessed for generation, guessed in guesses.items() if guessed}

    def learn(self, generation: Generation, made: int, right: int) -> None:
        """Takes note of a pass that checked so many guesses, and how many of them were right."""
        if (guesser := self._guesser(generation)) is not None:
            guesser.learn(made, right)

    def forget(self, generation: Generation) -> None:
        """Lets go of a text that has ended."""
        self._guessers.pop(generation, None)
        if self._draft_model is not None:
            self._draft_model.forget(generation)

    def _guesser(self, generation: Generation) -> _Guesser | None:
        if generation not in self._guessers:
            method, most = self._how(generation.prompt.speculation)
            if generation.prompt.media:  # the smaller model does not see, nor are there tokens
                method = Speculation.NONE
            by_draft_model = method == Speculation.DRAFT_MODEL
            self._guessers[generation] = (
                None
                if method == Speculation.NONE
                else _Guesser(most, by_draft_model=by_draft_model)
            )
        return self._guessers[generation]

    def _how(self, wanted: Speculation) -> tuple[Speculation.Method.ValueType, int]:
        chosen = wanted if wanted.method else self._default
        method = chosen.method
        if not method:
            method = Speculation.DRAFT_MODEL if self._draft_model else Speculation.NONE
        for speculation in (wanted, self._default):
            if speculation.HasField("max_tokens"):
                return method, speculation.max_tokens
        return method, _DEFAULT_MOST
