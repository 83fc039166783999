"""Reads GBNF, llama.cpp's form of a grammar.

It is described at https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from funland_worker.constraints.errors import GrammarError

_TOKEN = re.compile(
    r"""(?P<space> (?: [ \t\r\n] | \#[^\n]* )+ )
      | (?P<define> (?P<rule> [A-Za-z0-9_-]+ ) [ \t]* ::= )
      | (?P<name> [A-Za-z0-9_-]+ )
      | (?P<string> " (?: [^"\\\n] | \\. )* " )
      | (?P<set> \[ (?: [^\]\\\n] | \\. )+ \] )
      | (?P<mark> < [^<>\s]+ > )
      | (?P<repeat> [*+?] | \{ \s* \d+ \s* (?: , \s* \d* \s* )? \} )
      | (?P<sign> [|().] )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}
_NEVER = re.compile(r"\{0(,0)?\}")


@dataclass(frozen=True, slots=True)
class Text:
    """What Lark has a terminal's form for: a string or a regular expression."""

    lark: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A token by its name or number."""

    lark: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A rule by its name."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Something several times: `*`, `+`, `?` or `{1,3}`."""

    item: Node
    times: str


@dataclass(frozen=True, slots=True)
class Row:
    """One thing after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things."""

    options: tuple[Node, ...]


Node = Text | Mark | Reference | Repeat | Row | Choice


def read(text: str) -> dict[str, Node]:
    """The rules by name.

    Raises:
        GrammarError: A rule can't be read, or is nested too deeply.
    """
    try:
        return _Reader(text).rules()
    except RecursionError as error:
        raise GrammarError("it is nested too deeply", limit=True) from error


class _Reader:
    """Reads the rules. Where lines end says nothing: a rule begins with its name and `::=`."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def rules(self) -> dict[str, Node]:
        rules: dict[str, Node] = {}
        while self._kind() != "end":
            if self._kind() != "define":
                raise self._unexpected("a rule's name and `::=`")
            name = self._take().removesuffix("::=").rstrip()
            rules[name] = self._choice()
        return rules

    def _choice(self) -> Node:
        options = [self._row()]
        while self._is("|"):
            self._take()
            options.append(self._row())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _row(self) -> Node:
        items: list[Node] = []
        while not (self._kind() in ("end", "define") or self._is("|") or self._is(")")):
            items.append(self._item())
        return items[0] if len(items) == 1 else Row(tuple(items))

    def _item(self) -> Node:
        item = self._atom()
        while self._kind() == "repeat":
            times = re.sub(r"\s", "", self._take())
            # llguidance knows no repetition that never happens.
            item = Row(()) if _NEVER.fullmatch(times) else Repeat(item, times)
        return item

    def _atom(self) -> Node:
        kind, line = self._kind(), self._tokens[self._next][2]
        if self._is("("):
            self._take()
            inner = self._choice()
            if not self._is(")"):
                raise self._unexpected("`)`")
            self._take()
            return inner
        if kind not in ("name", "string", "set", "mark") and not self._is("."):
            raise self._unexpected("a string, a set of characters, a rule's name or `(`")
        token = self._take()
        if kind == "name":
            return Reference(token, line)
        if kind == "string":
            return Text(_string(_unescape(token[1:-1])))
        if kind == "set":
            return Text(f"/{_character_set(token[1:-1])}/")
        return Mark(token) if kind == "mark" else Text(r"/(?s:.)/")

    def _kind(self) -> str:
        return self._tokens[self._next][0]

    def _is(self, sign: str) -> bool:
        return self._tokens[self._next][:2] == ("sign", sign)

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _unexpected(self, wanted: str) -> GrammarError:
        kind, token, line = self._tokens[self._next]
        found = "its end" if kind == "end" else f"`{token[:40]}`"
        return GrammarError(f"line {line}: {wanted} must be where {found} is")


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Each token's kind, text and line; `end` is the last."""
    position, line = 0, 1
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise GrammarError(f"line {line}: `{text[position : position + 20]}` can't be read")
        token = found.group()
        kind = "define" if found.group("define") else str(found.lastgroup)
        if kind != "space":
            yield kind, token, line
        line += token.count("\n")
        position = found.end()
    yield "end", "", line


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _character(found.group(1)), text)


def _character(escape: str) -> str:
    if len(escape) == 1:
        return _CONTROL.get(escape, escape)
    try:
        character = chr(int(escape[1:], 16))
        character.encode()  # halves of a pair are none
    except ValueError as error:
        raise GrammarError(f"`\\{escape}` is not a character") from error
    return character


def _string(text: str) -> str:
    if text.isprintable():
        return json.dumps(text, ensure_ascii=False)
    return f"/{''.join(map(_code, text))}/"  # Lark's strings take no control characters


def _code(character: str) -> str:
    return f"\\x{{{ord(character):x}}}"


def _character_set(text: str) -> str:
    """A set of characters as a regular expression. In GBNF only `^` in front, `-` between two and
    the backslash mean something."""
    inverted = text.startswith("^")
    members = re.findall(
        r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)|.", text[inverted:]
    )
    parts: list[str] = []
    for index, member in enumerate(members):
        between = 0 < index < len(members) - 1
        if member == "-" and between:
            parts.append("-")
        else:
            parts.append(_code(_unescape(member)))
    return f"[{'^' if inverted else ''}{''.join(parts)}]"
