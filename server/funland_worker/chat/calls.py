"""Parts the calls of functions from the rest of an answer, as it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection

from funland.v1.inference_pb2 import ToolCallDelta
from funland_worker.chat.formats import ChatFormat
from funland_worker.chat.scanning import (
    Found,
    ObjectScan,
    Unclear,
    first_of,
    longest_beginning,
    match,
)
from funland_worker.chat.token_parts import CALLS, CONTENT, Part, Span


class CallStream:
    """An answer in, its content and calls out. How the text is cut makes no difference.

    A call is told when its name is complete and names a function that there is; its arguments
    follow as they come. What looks like a call but is none is content. Whitespace next to calls is
    dropped.
    """

    def __init__(self, chat_format: ChatFormat, functions: Collection[str]) -> None:
        self._format = chat_format
        self._functions = functions
        self._text = ""
        """What came and is not clear yet."""
        self._content: list[str] = []
        self._deltas: list[ToolCallDelta] = []
        self._head: tuple[str, ...] = ()
        """The marks with which the call that is read now began."""
        self._arguments = ObjectScan()
        self._ended = self._cut = False
        self.calls = 0
        """How many calls were told."""
        self.spans: list[Span] | None = None
        """If it is a list, what was read of the text is added to it."""
        self._read = self._read_content if chat_format.triggers else self._read_beginning
        """Reads what it can from the text; True asks for the next to be called."""

    def feed(self, text: str) -> tuple[str, list[ToolCallDelta]]:
        """Takes more text; gives what is now certain: content, and more of the calls."""
        self._text += text
        return self._take()

    @property
    def complete(self) -> bool:
        """Whether the arguments of all calls are whole."""
        return self._read != self._read_arguments

    def finish(self, *, cut: bool = False) -> tuple[str, list[ToolCallDelta]]:
        """Gives what was held back, when no more text comes. Of an answer that was `cut` off, what
        may have become a call is dropped."""
        self._ended, self._cut = True, cut
        taken = self._take()
        self._pass(len(self._text), CALLS)
        return taken

    def _take(self) -> tuple[str, list[ToolCallDelta]]:
        while self._read():
            pass
        content, deltas = "".join(self._content), self._deltas
        self._content, self._deltas = [], []
        return content, deltas

    def _read_beginning(self) -> bool:
        """A call that only its place tells from content."""
        begun = self._begin_call(0, ())
        if begun is False:
            self._read = self._read_plain
        return begun is not None

    def _read_plain(self) -> bool:
        self._release(len(self._text))
        return False

    def _read_content(self) -> bool:
        triggers = self._format.triggers
        place = first_of(self._text, triggers)
        if place < 0:
            held = longest_beginning(self._text, triggers)
            # Whitespace in front of a call is dropped, so it waits for what comes.
            certain = len(self._text[: len(self._text) - held].rstrip())
            self._release(len(self._text) if self._ended and not self._cut else certain)
            return False
        content = self._text[:place].rstrip()
        begun = self._begin_call(place, self._format.first)
        if begun is False:
            self._release(place + 1)
        elif begun:
            self._content.append(content)
            self._precede(content)
        else:
            self._release(len(content))
        return begun is not None

    def _read_arguments(self) -> bool:
        taken = self._arguments.take(self._text)
        if taken:
            delta = ToolCallDelta(index=self.calls - 1, arguments=self._text[:taken])
            self._deltas.append(delta)
            self._pass(taken, CALLS)
        if self._arguments.ended:
            self._read = self._read_tail
        return self._arguments.ended

    def _read_tail(self) -> bool:
        """The marks behind the arguments."""
        tails = [form.tail for form in self._format.forms if form.head == self._head]
        return self._pass_over(tails, self._read_next)

    def _read_next(self) -> bool:
        """Another call, or the marks behind the last."""
        begun = self._begin_call(0, self._format.between)
        if begun is not False:
            return begun is not None
        return self._pass_over([self._format.last], self._read_rest)

    def _read_rest(self) -> bool:
        """The answer goes on behind its calls: models rarely do that."""
        self._pass(len(self._text) - len(self._text.lstrip()), CALLS)
        if not self._text:
            return False
        self._read = self._read_content if self._format.triggers else self._read_plain
        return True

    def _begin_call(self, place: int, lead: tuple[str, ...]) -> bool | None:
        """Whether a call begins there; None if that is not clear yet."""
        text = self._text[place:]
        unclear = False
        for form in self._format.forms:
            found = match(text, (*lead, *form.head), opens="{")
            if isinstance(found, Found) and found.name in self._functions:
                self._head = form.head
                self._arguments = ObjectScan()
                self._deltas.append(
                    ToolCallDelta(index=self.calls, id=self._format.new_id(), name=found.name)
                )
                self.calls += 1
                self._pass(place + found.end, CALLS)
                self._read = self._read_arguments
                return True
            unclear |= isinstance(found, Unclear)
        return None if unclear and (self._cut or not self._ended) else False

    def _pass_over(self, choices: list[tuple[str, ...]], then: Callable[[], bool]) -> bool:
        """Drops the marks that are there, if they are, and reads on with `then`. Marks that the
        answer ends in the middle of are dropped too: no content begins behind a call."""
        found = [match(self._text, marks) for marks in choices]
        if any(isinstance(one, Unclear) for one in found):
            return False
        end = next((one.end for one in found if isinstance(one, Found)), 0)
        self._pass(end, CALLS)
        self._read = then
        return True

    def _release(self, length: int) -> None:
        self._content.append(self._text[:length])
        self._pass(length, CONTENT)

    def _pass(self, length: int, part: Part) -> None:
        """Goes on behind so many characters, which are of one part."""
        self._text = self._text[length:]
        if self.spans is not None:
            self.spans.append(Span(part, length))

    def _precede(self, content: str) -> None:
        """Notes that what was passed last begins with content."""
        if self.spans is not None:
            passed = self.spans.pop()
            rest = passed.length - len(content)
            self.spans += [Span(CONTENT, len(content)), Span(passed.part, rest)]
