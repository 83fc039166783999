"""The choices of a completion, whole and of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import TokenLogprob
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.openai.answers import Choice
from funland_gateway.dialects.openai.logprobs import Echo, TextLogprobs, joined, text_of

ID_PREFIX: Final = "cmpl-"


class TextChoices:
    """Makes the choices of one answer: those of the first prompt, of the second, and so on."""

    id_prefix: ClassVar[str] = ID_PREFIX
    kind: ClassVar[str] = "text_completion"

    def __init__(self, n: int, wants_logprobs: bool, echoes: Sequence[Echo] | None) -> None:
        """`n` choices a prompt. `echoes` are the prompts; None: no text begins with its prompt."""
        self._n = n
        self._echoes = echoes
        self._wants_logprobs = wants_logprobs
        self._logprobs: dict[int, TextLogprobs] = {}

    def whole(
        self,
        index: int,
        text: inference_pb2.GenerateResponse | inference_pb2.AlternativeText,
        prompt: Sequence[TokenLogprob],
    ) -> Choice:
        """A choice that is complete; `prompt` are the tokens of its prompt, if they were told."""
        echo = self._echo(index)
        begin = text_of(prompt) if echo is None else echo
        choice = self._choice(index, begin + text.text, text.finish_reason)
        if self._wants_logprobs:
            logprobs = TextLogprobs()
            told = logprobs.of_prompt(prompt, echo)
            choice["logprobs"] = joined(told, logprobs.of(text.logprobs))
        return choice

    def first(self, index: int) -> Choice | None:
        """See `ChoiceShape`."""
        # With logprobs the echo comes with those of its tokens.
        echo = "" if self._wants_logprobs else self._echo(index)
        return self._choice(index, echo) if echo else None

    def prompt(self, index: int, tokens: Sequence[TokenLogprob]) -> Choice:
        """A choice that carries the prompt, once its tokens are known."""
        echo = self._echo(index)
        choice = self._choice(index, text_of(tokens) if echo is None else echo)
        if self._wants_logprobs:
            choice["logprobs"] = self._logprobs_of(index).of_prompt(tokens, echo)
        return choice

    def more(self, index: int, delta: inference_pb2.Delta) -> tuple[Choice, ...]:
        """See `ChoiceShape`."""
        choice = self._choice(index, delta.text)
        if self._wants_logprobs and delta.logprobs:
            choice["logprobs"] = self._logprobs_of(index).of(delta.logprobs)
        return (choice,)

    def last(self, index: int, reason: int) -> Choice:
        """See `ChoiceShape`."""
        return self._choice(index, "", reason)

    def _echo(self, index: int) -> Echo:
        return "" if self._echoes is None else self._echoes[index // self._n]

    def _logprobs_of(self, index: int) -> TextLogprobs:
        return self._logprobs.setdefault(index, TextLogprobs())

    def _choice(self, index: int, text: str, reason: int | None = None) -> dict[str, object]:
        finish_reason = None if reason is None else FINISH_REASONS.get(reason)
        return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
