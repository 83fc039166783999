"""What is to be said, and how: the passages of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from funland_worker.speech.sentences import Sentence, sentences
from funland_worker.speech.voicing import Voice, Voicing, unspeakable


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said."""

    voice: Voice
    speed: float = 1.0
    """As a part of the voice's own."""
    pitch: float = 1.0
    """As a part of the voice's own."""
    gain: float = 1.0
    """What its samples are multiplied with."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that is said in one manner."""

    text: str
    manner: Manner
    pause: float = 0.0
    """Seconds of silence after it."""
    joined: bool = False
    """Whether the sentence that it ends with goes on in the next one."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said at once: a sentence, or as much of one as is said in one manner."""

    text: str
    manner: Manner
    characters: int
    """How many characters of the whole text end with it."""
    pause: float
    """Seconds of silence after it."""
    goes_on: bool
    """Whether it is no end of a sentence."""
    silent: bool = False
    """Whether it has marks alone, and is nothing but its pause."""


def check(passages: list[Passage], voicing: Voicing) -> None:
    """Sees whether all can be said, before any is. Blocks for long texts.

    Raises:
        EngineError: TEXT_UNSPEAKABLE.
    """
    position, anything = 0, False
    for passage in passages:
        if part := voicing.unspeakable(passage.text, passage.manner.voice):
            raise unspeakable(passage.text[part.start : part.end], position + part.start)
        anything = anything or voicing.has_words(passage.text, passage.manner.voice)
        position += len(passage.text)
    if not anything:
        text = "".join(passage.text for passage in passages[:1])
        raise unspeakable(text, 0, "There is nothing to say in the text: it has marks alone.")


def utterances(passages: list[Passage], voicing: Voicing) -> Iterator[Utterance]:
    """What is said, one after another; made as it is asked for."""
    before = 0
    for passage in passages:
        text, manner = passage.text, passage.manner
        made: Callable[[Sentence], Utterance] = _maker(passage, voicing, before)
        last: Utterance | None = None
        for sentence in sentences(text, voicing.longest):
            if last is not None:
                yield last
            last = made(sentence)
        before += len(text)
        if last is not None:
            goes_on = last.goes_on or passage.joined
            pause = max(last.pause, passage.pause)
            yield replace(last, characters=before, goes_on=goes_on, pause=pause)
        else:
            yield Utterance("", manner, before, passage.pause, goes_on=False, silent=True)


def _maker(passage: Passage, voicing: Voicing, before: int) -> Callable[[Sentence], Utterance]:
    def made(sentence: Sentence) -> Utterance:
        text = passage.text[sentence.start : sentence.end]
        return Utterance(
            text,
            passage.manner,
            before + sentence.end,
            sentence.pause,
            goes_on=not sentence.whole,
            silent=not voicing.has_words(text, passage.manner.voice),
        )

    return made
