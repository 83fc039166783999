"""Reads what the documents show to type, and what of it says that it is not run, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.markdown import ROOT

_MARK = r"<!-- not run(?: \(([^\n]+?)\))?: ([^\n]+?) -->\n"
_BLOCK = re.compile(rf"^((?:{_MARK})*)```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n?((?:(?!\$ ).*\n?)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """A line that is typed, and what it shows then; a block of a language is one."""

    text: str
    shown: str = ""
    why_not: str = ""
    """Why it is not run; empty: it is."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A fenced block of a document."""

    place: str
    """The document and its line."""
    language: str
    commands: tuple[Command, ...]

    @property
    def run(self) -> tuple[Command, ...]:
        """What is run."""
        return tuple(command for command in self.commands if not command.why_not)


def documents() -> list[str]:
    """All documents that show something to type, in the order in which they are run."""
    pages = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))
    return ["README.md", "CONTRIBUTING.md", *pages]


def snippets(document: str, text: str) -> Iterator[Snippet]:
    """The fenced blocks of a document, with the marks before them."""
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(4)) + 1
        marks = re.findall(_MARK, block[1])
        body = block[5]
        pairs = _COMMAND.findall(body) if block[4] == "console" else [(body, "")]
        commands = tuple(Command(told, shown, _why(told, marks)) for told, shown in pairs)
        unused = [part for part, _ in marks if part and not any(part in one for one, _ in pairs)]
        assert not unused, f"{document}:{line}: no command has {unused}"
        yield Snippet(f"{document}:{line}", block[4], commands)


def _why(command: str, marks: list[tuple[str, str]]) -> str:
    return next((why for part, why in marks if part in command), "")
