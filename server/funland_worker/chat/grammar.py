"""What the answer to a chat must be, as a grammar: reasoning, then content or calls.

The grammar is in llguidance's form of Lark, see
https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md. Its lexer takes the longest
lexeme, so free text that ends with a mark must be one lazy lexeme with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from funland.v1.inference_pb2 import OutputFormat
from funland_worker.chat.formats import ARGUMENTS, ID, NAME, CallForm, ChatFormat
from funland_worker.chat.fragments import arguments_rule, content_grammar
from funland_worker.chat.reasoning import ReasoningMarks
from funland_worker.chat.tools import Calling, Function
from funland_worker.constraints.constraint import Constraint

MarkToken = Callable[[str], int | None]
"""The token that a mark is by itself, if it is one."""

_SPACES = r"[ \t\r\n]*"

_SPACE = r" {1,4}|\n{1,2} {0,4}"
"""Between the marks of a call."""


def answer_grammar(
    chat_format: ChatFormat,
    calling: Calling,
    content: OutputFormat,
    reasoning: ReasoningMarks | None,
    mark_token: MarkToken,
    *,
    begun: bool,
) -> Constraint | None:
    """The form of an answer; None if it may be any text.

    `begun`: the prompt ends within the reasoning.

    Raises:
        EngineError: CONSTRAINT_INVALID if `content` is a grammar that can't be read.
    """
    bound = content.WhichOneof("format") is not None
    if not bound and not calling.allowed:
        return None
    marks = _Marks(mark_token)
    exact = content.WhichOneof("format") in ("regex", "grammar")
    text, schemas = content_grammar(content) if bound else (None, ())
    # Where content may not begin with whitespace, what else may would be forced by it. So both may
    # or neither: content where there may be a thought in front that has not begun, and no regex.
    spaced = not bound or (reasoning is not None and not begun and not exact)
    if bound and spaced:
        text = f"SPACE? {text}"
    rules = list(_answer(chat_format, calling, text, reasoning, marks, spaced=spaced))
    schemas += tuple(
        arguments_rule(f"arguments_{index}", function)
        for index, function in enumerate(calling.allowed)
    )
    free = not bound and not calling.required
    rules += _start(reasoning, marks, begun=begun, free=free, spaced=spaced)
    rules += [r"TEXT: /(.|\n)*/", f"SPACE: /{_SPACE}/"]
    return Constraint("lark", "".join(f"{rule}\n" for rule in rules), schemas)


class _Marks:
    """Writes marks as grammar: the text of a mark or the token that it is."""

    def __init__(self, token: MarkToken) -> None:
        self.token = token

    def one(self, mark: str) -> str:
        token = self.token(mark)
        return _literal(mark) if token is None else f"({_literal(mark)} | <[{token}]>)"

    def row(self, marks: Iterable[str]) -> str:
        """The marks with optional whitespace in front of each."""
        return " ".join(f"SPACE? {self.one(mark)}" for mark in marks)

    def until(self, name: str, mark: str, text: str = "TEXT") -> Iterator[str]:
        """Rules for text that ends with the mark."""
        token = self.token(mark)
        yield f"{name}: {name}_text" + (f" | {text} <[{token}]>" if token is not None else "")
        yield f"{name}_text[lazy]: {text} {_literal(mark)}"


def _start(
    reasoning: ReasoningMarks | None, marks: _Marks, *, begun: bool, free: bool, spaced: bool
) -> Iterator[str]:
    # Free text takes the whitespace itself: the longer lexeme would hide the shorter one.
    space = "" if free else "SPACE? "
    lead = space if spaced else ""
    if reasoning is None:
        yield "start: answer"
        return
    yield from marks.until("thought", reasoning.end)
    if begun:
        yield f"start: thought {space}answer"
        return
    begin = _regex(reasoning.begin)
    yield rf"BEGUN: /{_SPACES if free else ''}{begin}(.|\n)*/"
    yield from marks.until("thinking", reasoning.end, "BEGUN")
    token = marks.token(reasoning.begin)
    choices = "thinking" if token is None else f"thinking | <[{token}]> thought"
    yield f"start: answer | {lead}({choices}) {space}answer"


def _answer(
    chat_format: ChatFormat,
    calling: Calling,
    content: str | None,
    reasoning: ReasoningMarks | None,
    marks: _Marks,
    *,
    spaced: bool,
) -> Iterator[str]:
    if not calling.allowed:
        assert content is not None  # noqa: S101 - else there is nothing to bind
        yield f"answer: {content}"
        return
    yield f"call: {_choices(chat_format.forms, calling.allowed, marks)}"
    more = f"({marks.row(chat_format.between)} SPACE? call)*" if calling.several else ""
    yield f"more: {more} {marks.row(chat_format.last)} SPACE?"
    if content is None and not calling.required:
        yield from _free_answer(chat_format, calling.allowed, reasoning, marks)
        return
    forms = chat_format.forms
    if content is not None and not chat_format.triggers:
        # The content may begin like a call that has no mark.
        forms = tuple(form for form in forms if form.head[0] != "{")
    yield f"first: {_choices(forms, calling.allowed, marks)}"
    begin = " SPACE? ".join([*map(marks.one, chat_format.first), "first"])
    yield f"calls: {'SPACE? ' if spaced else ''}{begin} more"
    if content is not None and not calling.required:
        yield f"content: {content}"
        yield "answer: content | calls"
    else:
        yield "answer: calls"


def _free_answer(
    chat_format: ChatFormat,
    functions: Sequence[Function],
    reasoning: ReasoningMarks | None,
    marks: _Marks,
) -> Iterator[str]:
    """Any text, but what begins like a call must be one."""
    begins = [_regex(reasoning.begin)] if reasoning is not None else []
    choices = ["FREE"]
    if chat_format.first:
        yield from marks.until("trigger", chat_format.first[0], "FREE")
        choices.append(f"trigger {marks.row(chat_format.first[1:])} SPACE? call more")
    elif chat_format.triggers:
        for index, trigger in enumerate(chat_format.triggers):
            forms = [form for form in chat_format.forms if form.head[0] == trigger]
            yield from marks.until(f"trigger_{index}", trigger, "FREE")
            yield f"rest_{index}: {_choices(forms, functions, marks, 1)}"
            choices.append(f"trigger_{index} SPACE? rest_{index} more")
    else:
        # Its first two marks together tell a call from content; they are one lexeme.
        for index, form in enumerate(chat_format.forms):
            head = _SPACES.join(map(_regex, form.head[:2]))
            begins.append(head)
            token = marks.token(form.head[0])
            special = f" | <[{token}]> SPACE? {marks.one(form.head[1])}" if token else ""
            yield f"begin_{index}: /{_SPACES}{head}/{special}"
            yield f"rest_{index}: {_choices([form], functions, marks, 2)}"
            choices.append(f"begin_{index} SPACE? rest_{index} more")
    no = rf" & ~/{_SPACES}({'|'.join(begins)})(.|\n)*/" if begins else ""
    yield rf"FREE: /(.|\n)*/{no}"
    yield f"answer: {' | '.join(choices)}"


def _choices(
    forms: Sequence[CallForm], functions: Sequence[Function], marks: _Marks, skip: int = 0
) -> str:
    """A call in any form of any function, without the first `skip` marks."""
    return " | ".join(
        " SPACE? ".join(_call(form, index, function, marks)[skip:])
        for form in forms
        for index, function in enumerate(functions)
    )


def _call(form: CallForm, index: int, function: Function, marks: _Marks) -> list[str]:
    return [_symbol(mark, index, function, marks) for mark in (*form.head, ARGUMENTS, *form.tail)]


def _symbol(mark: str, index: int, function: Function, marks: _Marks) -> str:
    if mark == ARGUMENTS:
        return f"arguments_{index}"
    if mark.strip('"') == ID:
        return f"/{mark.replace(ID, '[A-Za-z0-9_-]{1,64}')}/"
    return marks.one(mark.replace(NAME, function.name) if mark.strip('"') == NAME else mark)


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _regex(text: str) -> str:
    """The text in a regular expression of Lark."""
    special = r"\/.^$*+?()[]{}|"
    return "".join(f"\\{character}" if character in special else character for character in text)
