"""Parts what a model thinks from what it answers, as it is written."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from funland_worker.chat.scanning import longest_beginning


@dataclass(frozen=True, slots=True)
class ReasoningMarks:
    """What stands around the reasoning, in front of the answer."""

    begin: str
    end: str


_MARKS = (
    ReasoningMarks("<think>", "</think>"),
    ReasoningMarks("[THINK]", "[/THINK]"),
    ReasoningMarks("<seed:think>", "</seed:think>"),
    ReasoningMarks("<|channel>thought", "<channel|>"),
)


def known_reasoning(template: str) -> ReasoningMarks | None:
    """The marks that a chat template tells of; None if its model does not think."""
    text = template.replace("\\", "")
    for marks in _MARKS:
        if marks.begin in text or marks.end in text:
            return marks
    return None


class _Place(enum.Enum):
    BEFORE = enum.auto()
    REASONING = enum.auto()
    BEHIND = enum.auto()
    ANSWER = enum.auto()


class ReasoningStream:
    """A text in, its reasoning and its answer out, without the whitespace at their borders. How the
    text is cut makes no difference."""

    def __init__(self, marks: ReasoningMarks | None, *, begun: bool) -> None:
        """`begun`: the prompt ends within the reasoning."""
        self._marks = marks
        self._text = ""
        if marks is None:
            self._place = _Place.ANSWER
        else:
            self._place = _Place.REASONING if begun else _Place.BEFORE
        self._said = False
        """Whether there was any reasoning but whitespace."""

    @property
    def thinking(self) -> bool:
        """Whether the text is within its reasoning."""
        return self._place == _Place.REASONING

    @property
    def held(self) -> int:
        """How many characters came that are not read yet."""
        return len(self._text)

    def feed(self, text: str, *, ended: bool = False) -> tuple[str, str]:
        """Takes more text; gives what is now certain: more reasoning, more of the answer. `ended`:
        no more comes, so all is certain."""
        if self._marks is None:
            return "", text
        self._text += text
        reasoning = answer = ""
        if self._place == _Place.BEFORE:
            self._begin(self._marks.begin, ended)
        if self._place == _Place.REASONING:
            reasoning = self._read_reasoning(self._marks.end, ended)
        if self._place == _Place.BEHIND:
            self._text = self._text.lstrip()
            if self._text:
                self._place = _Place.ANSWER
        if self._place == _Place.ANSWER:
            answer, self._text = self._text, ""
        return reasoning, answer

    def _begin(self, mark: str, ended: bool) -> None:
        text = self._text.lstrip()
        if text.startswith(mark):
            self._text = text[len(mark) :]
            self._place = _Place.REASONING
        elif ended or not mark.startswith(text):
            self._place = _Place.ANSWER

    def _read_reasoning(self, mark: str, ended: bool) -> str:
        if not self._said:
            self._text = self._text.lstrip()
        end = self._text.find(mark)
        if end >= 0:
            reasoning, self._text = self._text[:end].rstrip(), self._text[end + len(mark) :]
            self._place = _Place.BEHIND
        else:
            held = 0 if ended else longest_beginning(self._text, (mark,))
            reasoning = self._text[: len(self._text) - held].rstrip()
            self._text = self._text[len(reasoning) :]
        self._said = self._said or bool(reasoning)
        return reasoning
