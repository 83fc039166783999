"""Makes examples of rows: writes conversations as the model's template has them, and finds in the
tokens what the assistant says."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.engines.loaded import ModelFacts
from funland_worker.engines.protocol import EngineError
from funland_worker.templates.conversation import template_variables
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.templates.traits import TemplateTraits, try_template
from funland_worker.training.examples import Example, example
from funland_worker.training.rows import Row


class Teacher:
    """Reads rows for one model."""

    def __init__(self, facts: ModelFacts, renderer: TemplateRenderer | None) -> None:
        self._facts = facts
        self._vocabulary = facts.vocabulary
        self._renderer = renderer
        self._traits: TemplateTraits | None = None

    async def examples(self, row: Row) -> list[Example]:
        """A row's example. A conversation has one for each answer if its template writes earlier
        answers otherwise, as some do that leave thoughts out, or asks for an answer in other words
        than it then has.

        Raises:
            EngineError: MODEL_CANNOT_CHAT, TEMPLATE_FAILED, TEMPLATE_LIMIT, or DATASET_INVALID if
                nobody answers.
        """
        if isinstance(row, str):
            return [self._text(row)]
        answers = [at for at, one in enumerate(row) if one.role == Message.ASSISTANT]
        if not answers:
            raise EngineError(ErrorReason.DATASET_INVALID, "The conversation has no answer.")
        whole = await self._written(row, asks=False)
        asked = [await self._asked(row[:at]) for at in answers]
        ends = [
            whole if at == len(row) - 1 else await self._written(row[: at + 1], asks=False)
            for at in answers
        ]
        spans = list(zip(asked, ends, strict=True))
        if all(whole.startswith(begin) and whole.startswith(end) for begin, end in spans):
            return [self._example(whole, spans)]
        made: list[Example] = []
        for at, (begin, end) in zip(answers, spans, strict=True):
            if not end.startswith(begin):
                begin = self._after_thought(begin)  # noqa: PLW2901 - what the answer follows
                end = begin + row[at].content + self._facts.end_mark  # noqa: PLW2901 - likewise
            made.append(self._example(end, [(begin, end)]))
        return made

    def _text(self, text: str) -> Example:
        tokens = self._vocabulary.tokenize(text, add_special=True, parse_special=True)
        tokens += self._end(tokens)
        return example(tokens, [(0, len(tokens))])

    def _example(self, whole: str, spans: Sequence[tuple[str, str]]) -> Example:
        """Of a text, and of its beginnings up to where each answer begins and ends."""
        ends = spans[-1][1] == whole
        # What stands behind the last answer, and is no mark, is not learnt.
        tokens = self._tokens(whole.rstrip() if ends else whole)
        found: list[tuple[int, int]] = []
        for begin, end in spans:
            first = _shared(tokens, self._tokens(begin)) if begin else 0
            last = len(tokens) if end == whole else _shared(tokens, self._tokens(end))
            found.append((first, self._learnt(tokens, first, last)))
        if ends:
            first, last = found[-1]
            end_mark = self._end(tokens[:last])
            tokens = tokens[:last] + end_mark
            found[-1] = (first, last + len(end_mark))
        return example(tokens, found)

    def _learnt(self, tokens: Sequence[int], first: int, last: int) -> int:
        """Where an answer ends: behind its end mark; without one before the space behind it."""
        for at in range(first, last):
            if self._vocabulary.is_end(tokens[at]):
                return at + 1
        while last > first and self._vocabulary.piece(tokens[last - 1]).isspace():
            last -= 1
        return last

    def _end(self, tokens: Sequence[int]) -> list[int]:
        """The end mark that tokens lack, if the model has one."""
        if tokens and self._vocabulary.is_end(tokens[-1]):
            return []
        mark = self._facts.end_mark
        return self._vocabulary.tokenize(mark, add_special=False, parse_special=True)

    def _tokens(self, text: str) -> list[int]:
        # Many templates write the begin mark themselves.
        mark = self._facts.begin_mark
        twice = self._facts.adds_begin_mark and bool(mark) and text.startswith(mark)
        return self._vocabulary.tokenize(text, add_special=not twice, parse_special=True)

    def _after_thought(self, asked: str) -> str:
        """What an answer follows where the template has the model think first."""
        marks = self._traits.reasoning if self._traits is not None else None
        if marks is None or not asked.rstrip().endswith(marks.begin):
            return asked
        return f"{asked.rstrip()}\n\n{marks.end}\n\n"

    async def _asked(self, messages: Sequence[Message]) -> str:
        """The prompt that the model answers; nothing if it speaks first."""
        return await self._written(messages, asks=True) if messages else ""

    async def _written(self, messages: Sequence[Message], *, asks: bool) -> str:
        if self._renderer is None:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_CHAT,
                "The model has no chat template, so it can learn no conversations: give it texts,"
                " or a chat template.",
            )
        if self._traits is None:
            self._traits = await try_template(self._renderer.template, self._renderer.render)
        variables = template_variables(Conversation(messages=messages), [], self._traits)
        variables["add_generation_prompt"] = asks
        return await self._renderer.render(variables)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
