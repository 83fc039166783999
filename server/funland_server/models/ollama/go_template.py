"""Parses Go's text/template, as far as chat templates use it: https://pkg.go.dev/text/template"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

_MOST_NODES: Final = 20_000
_DEEPEST: Final = 64


class TemplateSyntaxError(Exception):
    """The template is none, or has something that is not known here; the message says what."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a number, or true, false or nil."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Field:
    """`.Name`, `$name.Name`, or a field of what is in parentheses."""

    of: Expression | str
    """A variable's name with its `$`, and `.` for the dot."""
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language and its arguments."""

    name: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Literal | Field | Call


@dataclass(frozen=True, slots=True)
class Text:
    """What stands there as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """What is written, or what a variable becomes."""

    value: Expression
    variable: str = ""
    declares: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` or `range`."""

    kind: str
    value: Expression
    variables: tuple[str, ...]
    body: Nodes
    otherwise: Nodes


@dataclass(frozen=True, slots=True)
class Jump:
    """`break` or `continue`."""

    kind: str


Nodes: TypeAlias = tuple[Text | Action | Branch | Jump, ...]

_QUOTED: Final = r'"(?:\\.|[^"\\\n])*"|`[^`]*`'
_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<text>{_QUOTED})|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>(?:\$\w*)?(?:\.[A-Za-z_]\w*)+|\$\w*|\.|[A-Za-z_]\w*)|(?P<mark>:=|=|\||\(|\)|,))"
)
_OPEN: Final = re.compile(r"\{\{(-(?=\s))?\s*")
_INSIDE: Final = re.compile(rf"(?s)(/\*.*?\*/\s*?|(?:{_QUOTED}|[^\"`])*?)(\s-)?\}}\}}")
_WORDS: Final = {"true": True, "false": False, "nil": None}
_SPACE: Final = " \t\r\n"


def parse(template: str) -> Nodes:
    """The nodes of a template.

    Raises:
        TemplateSyntaxError
    """
    parser = _Parser(_pieces(template))
    nodes, end = parser.nodes(0)
    if end:
        raise TemplateSyntaxError(f"{end!r} ends nothing")
    return nodes


@dataclass(frozen=True, slots=True)
class _Tag:
    """What stands between braces."""

    inside: str


def _pieces(template: str) -> list[Text | _Tag]:
    """Texts and tags in turn, white space trimmed where the tags say so."""
    pieces: list[Text | _Tag] = []
    place, trims = 0, False
    while True:
        opened = _OPEN.search(template, place)
        text = template[place : opened.start() if opened else None]
        text = text.lstrip(_SPACE) if trims else text
        pieces.append(Text(text.rstrip(_SPACE) if opened and opened[1] else text))
        if opened is None:
            return [piece for piece in pieces if piece != Text("")]
        inside = _INSIDE.match(template, opened.end())
        if inside is None or len(pieces) > _MOST_NODES:
            raise TemplateSyntaxError("braces are not closed")
        if not inside[1].startswith("/*"):
            pieces.append(_Tag(inside[1]))
        place, trims = inside.end(), inside[2] is not None


class _Parser:
    def __init__(self, pieces: list[Text | _Tag]) -> None:
        self._pieces = iter(pieces)

    def nodes(self, depth: int) -> tuple[Nodes, str]:
        """The nodes up to an `end` or `else`, and what that says; empty at the template's end."""
        if depth > _DEEPEST:
            raise TemplateSyntaxError("it is nested too deep")
        found: list[Text | Action | Branch | Jump] = []
        for piece in self._pieces:
            if isinstance(piece, Text):
                found.append(piece)
                continue
            word, rest = _keyword(piece.inside)
            if word in ("end", "else"):
                return tuple(found), f"{word} {rest}".strip()
            if word in ("if", "with", "range"):
                found.append(self._branch(word, rest, depth))
            elif word in ("break", "continue"):
                found.append(Jump(word))
            elif word:
                raise TemplateSyntaxError(f"{word!r} is not known")
            else:
                found.append(_action(piece.inside))
        return tuple(found), ""

    def _branch(self, kind: str, head: str, depth: int) -> Branch:
        variables: tuple[str, ...] = ()
        tokens = _tokens(head)
        if ":=" in tokens.texts:
            count = tokens.texts.index(":=")
            variables = tuple(one for one in tokens.texts[:count] if one != ",")
            tokens.place = count + 1
        value = tokens.pipeline()
        tokens.must_end()
        body, end = self.nodes(depth + 1)
        otherwise: Nodes = ()
        if end.startswith("else "):
            again, condition = _keyword(end.removeprefix("else "))
            if again not in ("if", "with"):
                raise TemplateSyntaxError(f"{end[:40]!r} is not known")
            otherwise = (self._branch(again, condition, depth + 1),)  # its end is this one's too
        else:
            if end == "else":
                otherwise, end = self.nodes(depth + 1)
            if end != "end":
                raise TemplateSyntaxError(f"{kind!r} has no end")
        return Branch(kind, value, variables, body, otherwise)


_KEYWORD: Final = re.compile(
    r"\s*(if|with|range|end|else|break|continue|define|template|block)\b(.*)", re.DOTALL
)


def _keyword(inside: str) -> tuple[str, str]:
    """A tag's first word, if that is the language's own, and the rest; else two empty texts."""
    found = _KEYWORD.fullmatch(inside)
    return (found[1], found[2].strip()) if found else ("", "")


def _action(inside: str) -> Action:
    tokens = _tokens(inside)
    variable, declares = "", False
    if len(tokens.texts) > 1 and tokens.texts[1] in (":=", "="):
        variable, declares = tokens.texts[0], tokens.texts[1] == ":="
        tokens.place = 2
    value = tokens.pipeline()
    tokens.must_end()
    return Action(value, variable, declares)


class _Tokens:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.glued: list[bool] = []
        """Whether no space is before each."""
        self.place = 0

    def pipeline(self) -> Expression:
        """Commands, of which each is the last argument of the next."""
        value = self._command()
        while self._take("|"):
            next_ = self._command()
            if isinstance(next_, Call):
                value = Call(next_.name, (*next_.arguments, value))
            else:
                raise TemplateSyntaxError("only functions stand behind a pipe")
        return value

    def must_end(self) -> None:
        """Raises TemplateSyntaxError if there is more."""
        if self.place < len(self.texts):
            raise TemplateSyntaxError(f"{self.texts[self.place][:40]!r} is not expected")

    def _command(self) -> Expression:
        token = self._next()
        if not re.fullmatch(r"[A-Za-z_]\w*", token) or token in _WORDS:
            return self._operand(token)
        arguments: list[Expression] = []
        while self.place < len(self.texts) and self.texts[self.place] not in ("|", ")"):
            arguments.append(self._operand(self._next()))
        return Call(token, tuple(arguments))

    def _operand(self, word: str) -> Expression:
        if word == "(":
            if self.texts[: self.place].count("(") > _DEEPEST:
                raise TemplateSyntaxError("it is nested too deep")
            value = self.pipeline()
            if self._next() != ")":
                raise TemplateSyntaxError("a parenthesis is not closed")
            if self.place < len(self.texts) and self._is_field_of_it(self.place):
                return Field(value, _names(self._next()))
            return value
        if word in _WORDS:
            return Literal(_WORDS[word])
        if word[0] in '"`':
            return Literal(_unquoted(word))
        if word[0].isdigit() or word[0] == "-":
            return Literal(float(word) if "." in word else int(word))
        if word[0] in "$.":
            return Field(word.partition(".")[0] or ".", _names(word))
        raise TemplateSyntaxError(f"{word[:40]!r} is not expected")

    def _is_field_of_it(self, place: int) -> bool:
        """Whether a field stands right behind a parenthesis."""
        return self.glued[place] and self.texts[place].startswith(".")

    def _take(self, mark: str) -> bool:
        if self.place < len(self.texts) and self.texts[self.place] == mark:
            self.place += 1
            return True
        return False

    def _next(self) -> str:
        if self.place == len(self.texts):
            raise TemplateSyntaxError("something is missing between braces")
        self.place += 1
        return self.texts[self.place - 1]


def _tokens(inside: str) -> _Tokens:
    tokens = _Tokens()
    place, text = 0, inside.strip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise TemplateSyntaxError(f"{text[place : place + 40]!r} is not known")
        tokens.texts.append(token[0].lstrip())
        tokens.glued.append(not token[0][0].isspace())
        place = token.end()
    return tokens


def _names(token: str) -> tuple[str, ...]:
    return tuple(name for name in token.split(".")[1:] if name)


def _unquoted(token: str) -> str:
    if token[0] == "`":
        return token[1:-1]
    try:
        return orjson.loads(token)
    except orjson.JSONDecodeError:
        raise TemplateSyntaxError(f"{token[:40]!r} is not known") from None
