"""How the families of chat models write calls of functions, and which a template tells of."""

# ruff: noqa: RUF001 - the marks of DeepSeek have fullwidth bars

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

NAME = "NAME"
"""Stands for the function's name in the form of a call."""
ID = "ID"
"""Stands for an id that the model gives the call; it is read past."""
ARGUMENTS = "ARGUMENTS"
"""Stands for the arguments, a JSON object."""

_EXAMPLE = {
    ARGUMENTS: "<args-json-object>",
    ":": ": ",
    ",": ", ",
    "```json": "\n```json\n",
    "```": "\n```",
}
"""How a mark is written in an example, if not as it is."""

_ALPHANUMERICS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class CallForm:
    """One call, as marks in a row; whitespace may stand between any two of them."""

    head: tuple[str, ...]
    """The marks in front of the arguments. One of them contains NAME."""
    tail: tuple[str, ...]
    """The marks behind the arguments."""

    @classmethod
    def of(cls, text: str) -> CallForm:
        """Reads a form from its marks, parted by spaces, with ARGUMENTS among them."""
        marks = text.split()
        place = marks.index(ARGUMENTS)
        return cls(tuple(marks[:place]), tuple(marks[place + 1 :]))


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How a family of models writes its calls: `first call (between call)* last`."""

    name: str
    forms: tuple[CallForm, ...]
    """The forms that a call may have; the first is the usual one."""
    first: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    id_length: int = 0
    """How many letters and digits the template wants a call's id to have; 0: any id will do."""

    @property
    def triggers(self) -> tuple[str, ...]:
        """The marks that begin a call wherever they stand. None: a call is only what stands at the
        beginning of the answer, since no mark tells it from other text."""
        if self.first:
            return self.first[:1]
        marks = {form.head[0] for form in self.forms}
        return () if "{" in marks else tuple(sorted(marks))

    @property
    def marks(self) -> frozenset[str]:
        """All marks that may be tokens of their own."""
        forms = [mark for form in self.forms for mark in form.head + form.tail]
        marks = [*self.first, *self.between, *self.last, *forms]
        return frozenset(mark for mark in marks if mark[:1] in ("<", "[") and len(mark) > 1)

    def new_id(self) -> str:
        """An id for a call, unlike all others."""
        if not self.id_length:
            return f"call_{secrets.token_hex(12)}"
        return "".join(secrets.choice(_ALPHANUMERICS) for _ in range(self.id_length))

    def example(self) -> str:
        """A call in words, to show a model that does not know the format."""
        form = self.forms[0]
        marks = (*self.first, *form.head, ARGUMENTS, *form.tail, *self.last)
        return "".join(_EXAMPLE.get(mark, mark) for mark in marks).replace(NAME, "<function-name>")


HERMES = ChatFormat(
    "hermes",
    (CallForm.of('<tool_call> { "name" : "NAME" , "arguments" : ARGUMENTS } </tool_call>'),),
)
LLAMA = ChatFormat(
    "llama",
    (
        CallForm.of('{ "name" : "NAME" , "parameters" : ARGUMENTS }'),
        CallForm.of('<|python_tag|> { "name" : "NAME" , "parameters" : ARGUMENTS }'),
    ),
    between=(";",),
)
MISTRAL = ChatFormat(
    "mistral",
    (
        CallForm.of("[TOOL_CALLS] NAME [ARGS] ARGUMENTS"),
        CallForm.of("[TOOL_CALLS] NAME [CALL_ID] ID [ARGS] ARGUMENTS"),
    ),
    id_length=9,
)
MISTRAL_ARRAY = ChatFormat(
    "mistral-array",
    (
        CallForm.of('{ "name" : "NAME" , "arguments" : ARGUMENTS }'),
        CallForm.of('{ "name" : "NAME" , "arguments" : ARGUMENTS , "id" : "ID" }'),
    ),
    first=("[TOOL_CALLS]", "["),
    between=(",",),
    last=("]",),
    id_length=9,
)
DEEPSEEK_R1 = ChatFormat(
    "deepseek-r1",
    (
        CallForm.of(
            "<｜tool▁call▁begin｜> function <｜tool▁sep｜> NAME ```json ARGUMENTS ```"
            " <｜tool▁call▁end｜>"
        ),
    ),
    first=("<｜tool▁calls▁begin｜>",),
    last=("<｜tool▁calls▁end｜>",),
)
DEEPSEEK = ChatFormat(
    "deepseek",
    (CallForm.of("<｜tool▁call▁begin｜> NAME <｜tool▁sep｜> ARGUMENTS <｜tool▁call▁end｜>"),),
    first=("<｜tool▁calls▁begin｜>",),
    last=("<｜tool▁calls▁end｜>",),
)

_FORMATS: tuple[tuple[tuple[str, ...], ChatFormat | None], ...] = (
    (("<｜tool▁call▁begin｜>", "```json"), DEEPSEEK_R1),
    (("<｜tool▁call▁begin｜>",), DEEPSEEK),
    (("[TOOL_CALLS]", "[ARGS]"), MISTRAL),
    (("[TOOL_CALLS]",), MISTRAL_ARRAY),
    (("<tool_call>", '"arguments'), HERMES),
    (("<function=",), None),
    (("<|python_tag|>", "parameters"), LLAMA),
    (("ipython", "parameters"), LLAMA),
)
"""What a template of the format contains, all of it. The first row that fits counts; one without a
format is for templates that would be taken for another's."""


def known_format(template: str) -> ChatFormat | None:
    """The format that a chat template tells its model to write; None if it is not one of these."""
    text = template.replace("\\", "")  # templates write marks in string literals
    for words, chat_format in _FORMATS:
        if all(word in text for word in words):
            return chat_format
    return None
