"""Asks models about texts of any length: finds out how much of one they can read at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from funland_plugin import Answer, AskError, Context
from funland_plugin.bundled.splitting import parts

T = TypeVar("T")

MOST_CHARACTERS: Final = 16_000
"""Of a part, at first: what models of 8,192 tokens read, with room for an answer."""
LEAST_CHARACTERS: Final = 100
_TOO_LONG: Final = "PROMPT_TOO_LONG"

Conversation = list[dict[str, str]]


class TooLongError(Exception):
    """A model did not read a text of so many characters, or had no room left for its answer."""


class NoRoomError(Exception):
    """The model's context is too small for any part of the text."""

    def __init__(self) -> None:
        super().__init__(
            f"The model can't read {LEAST_CHARACTERS} characters with what it is told to do, and"
            " answer: load it with a larger context_length, or choose another."
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, but for the text."""

    instructions: str
    model: str = ""
    max_tokens: int = 512
    json_schema: Mapping[str, Any] | None = None

    def about(self, text: str) -> Conversation:
        """The conversation with a model."""
        return [
            {"role": "system", "content": self.instructions},
            {"role": "user", "content": text},
        ]


def asked(context: Context, question: Question, texts: Sequence[str]) -> list[Answer]:
    """The answers about some texts, in their order; they are asked at once. One may be cut.

    Raises:
        TooLongError: One of the texts was too long for the model.
        AskError: There is no answer, for another reason.
    """
    if not texts:
        return []
    try:
        return context.chat_many(
            [question.about(text) for text in texts],
            model=question.model,
            max_tokens=question.max_tokens,
            temperature=0,
            json_schema=question.json_schema,
        )
    except AskError as error:
        if error.reason == _TOO_LONG:
            raise TooLongError from error
        raise


def with_room(answers: list[Answer], texts: Sequence[str], question: Question) -> list[Answer]:
    """The answers about the texts, for which there was room: one that is cut has all the tokens
    that it may have, or is about a text that can't be shorter.

    Raises:
        TooLongError: The context was full before.
    """
    for answer, text in zip(answers, texts, strict=True):
        full = answer.cut and answer.written_tokens < question.max_tokens
        if full and len(text) > LEAST_CHARACTERS:
            raise TooLongError
    return answers


def by_parts(text: str, ask: Callable[[list[str]], list[T]]) -> list[T]:
    """Asks about a text's parts, which are halved until a model has read them all. The longest
    goes first: that it is too long is told before anything is computed.

    Raises:
        NoRoomError: The parts can't be smaller.
    """
    most = min(len(text), MOST_CHARACTERS)
    while True:
        pieces = parts(text, most)
        longest = max(range(len(pieces)), key=lambda index: len(pieces[index]))
        others = pieces[:longest] + pieces[longest + 1 :]
        try:
            first = ask([pieces[longest]])
            rest = ask(others) if others else []
        except TooLongError:
            if most <= LEAST_CHARACTERS:
                raise NoRoomError from None
            most = max(most // 2, LEAST_CHARACTERS)
            continue
        return rest[:longest] + first + rest[longest:]
