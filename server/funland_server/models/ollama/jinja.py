"""Translates Ollama's chat templates, which are Go's, to Jinja (ADR 0062).

What Ollama does with them: https://github.com/ollama/ollama/blob/main/template/template.go. A
template that knows messages gets them all; an older one is used for each turn of system, prompt and
response, the last time only up to the response.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from funland_server.models.ollama.go_template import (
    Action,
    Branch,
    Call,
    Expression,
    Field,
    Jump,
    Literal,
    Nodes,
    TemplateSyntaxError,
    Text,
    parse,
)


class NotTranslatedError(Exception):
    """The template has something that is not translated; the message says what."""


# Messages of one role in a row are one; what system messages say is told once more by itself.
_MESSAGES: Final = """\
{%- set r = namespace(system='', messages=[]) -%}
{%- for m in messages -%}
{%- set content = m.content or '' -%}
{%- if m.role == 'system' -%}
{%- set r.system = r.system + ('\\n\\n' if r.system else '') + content -%}
{%- endif -%}
{%- if r.messages and r.messages[-1].role == m.role and m.role != 'tool' -%}
{%- set joined = r.messages[-1].content + '\\n\\n' + content -%}
{%- set r.messages = r.messages[:-1] + [{'role': m.role, 'content': joined}] -%}
{%- else -%}
{%- set r.messages = r.messages + [{'role': m.role, 'content': content}] -%}
{%- endif -%}
{%- endfor -%}
{%- set v = namespace() -%}
"""

_TURNS: Final = """\
{%- set t = namespace(turns=[], system='', prompt='', response='') -%}
{%- for m in r.messages -%}
{%- if (m.role == 'system' and (t.prompt or t.response)) or (m.role == 'user' and t.response) -%}
{%- set turn = {'system': t.system, 'prompt': t.prompt, 'response': t.response} -%}
{%- set t.turns = t.turns + [turn] -%}
{%- set t.system = '' -%}{%- set t.prompt = '' -%}{%- set t.response = '' -%}
{%- endif -%}
{%- if m.role == 'system' -%}{%- set t.system = m.content -%}
{%- elif m.role == 'user' -%}{%- set t.prompt = m.content -%}
{%- elif m.role == 'assistant' -%}{%- set t.response = m.content -%}
{%- endif -%}
{%- endfor -%}
"""


def to_jinja(template: str) -> str:
    """A Jinja template that gives the same prompts for conversations of text. Functions, calls and
    the switches of thinking are taken not to be there: Funland tells of functions in words.

    Raises:
        NotTranslatedError: It does more than this knows.
    """
    try:
        nodes = parse(template)
    except TemplateSyntaxError as error:
        raise NotTranslatedError(str(error)) from None
    names = {name for field in _fields(nodes) for name in field.names}
    if "Messages" in names:
        return _MESSAGES + _Translation(_ROOT).nodes(nodes)
    if "Response" not in names:
        nodes = (*nodes, Action(Field(".", ("Response",))))
    turn = _Translation(_turn("turn")).nodes(nodes)
    last = _Translation(_turn("t")).nodes(_cut(nodes)[0])
    loop = f"{{% for turn in t.turns %}}{turn}{{% endfor %}}"
    return _MESSAGES + _TURNS + loop + last


@dataclass(frozen=True, slots=True)
class _Value:
    """An expression in Jinja, and what is known of it."""

    jinja: str
    fields: Mapping[str, _Value] | None = None
    """None: it has none."""
    items: _Value | None = None
    """What it is a list of."""
    absent: bool = False
    """Whether it is never there, so that it counts as false."""


_ABSENT: Final = _Value("''", absent=True)


def _message(name: str) -> _Value:
    told = {"Role": _Value(f"{name}.role"), "Content": _Value(f"{name}.content")}
    never = ("ToolCalls", "Thinking", "Images", "ToolName", "ToolCallID")
    return _Value(name, {**told, **dict.fromkeys(never, _ABSENT)})


_NEVER: Final = ("Tools", "Suffix", "Think", "ThinkLevel", "IsThinkSet", "First")
_ROOT: Final = _Value(
    "",
    {
        "System": _Value("r.system"),
        "Messages": _Value("r.messages", items=_message("")),
        **dict.fromkeys((*_NEVER, "Prompt", "Response"), _ABSENT),
    },
)


def _turn(name: str) -> _Value:
    told = {
        "System": _Value(f"{name}.system"),
        "Prompt": _Value(f"{name}.prompt"),
        "Response": _Value(f"{name}.response"),
    }
    return _Value("", {**told, **dict.fromkeys(_NEVER, _ABSENT)})


_COMPARISONS: Final = {"ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class _Translation:
    """One template. Variables are attributes of the namespace `v`, since what a loop sets in Jinja
    is gone behind it."""

    def __init__(self, root: _Value) -> None:
        self._root = root
        self._numbers = itertools.count()

    def nodes(self, nodes: Nodes) -> str:
        """All of it."""
        return self._nodes(nodes, self._root, {"$": self._root})

    def _nodes(self, nodes: Nodes, dot: _Value, variables: dict[str, _Value]) -> str:
        inner = dict(variables)  # what is declared here ends here
        return "".join(self._node(node, dot, inner) for node in nodes)

    def _node(
        self, node: Text | Action | Branch | Jump, dot: _Value, variables: dict[str, _Value]
    ) -> str:
        match node:
            case Text(text):
                return _written(text)
            case Jump(kind):
                return f"{{% {kind} %}}"
            case Branch(kind="range"):
                return self._range(node, dot, variables)
            case Branch():
                return self._if(node, dot, variables)
            case Action(variable=""):
                value = self._value(node.value, dot, variables)
                return "" if value.absent else f"{{{{ {value.jinja} }}}}"
            case Action():
                return self._set(node, dot, variables)

    def _set(self, node: Action, dot: _Value, variables: dict[str, _Value]) -> str:
        value = self._value(node.value, dot, variables)
        if node.declares:
            place = f"v.v{next(self._numbers)}"
            variables[node.variable] = _Value(place, value.fields, value.items)
        elif node.variable not in variables:
            raise NotTranslatedError(f"the variable {node.variable[:40]!r} is not declared")
        return f"{{% set {variables[node.variable].jinja} = {value.jinja} %}}"

    def _if(self, node: Branch, dot: _Value, variables: dict[str, _Value]) -> str:
        value = self._value(node.value, dot, variables)
        otherwise = self._nodes(node.otherwise, dot, variables)
        if value.absent:
            return otherwise
        inner = {**variables, **dict.fromkeys(node.variables, value)}
        body = self._nodes(node.body, value if node.kind == "with" else dot, inner)
        other = f"{{% else %}}{otherwise}" if otherwise else ""
        return f"{{% if {value.jinja} %}}{body}{other}{{% endif %}}"

    def _range(self, node: Branch, dot: _Value, variables: dict[str, _Value]) -> str:
        value = self._value(node.value, dot, variables)
        otherwise = self._nodes(node.otherwise, dot, variables)
        if value.absent:
            return otherwise
        if value.items is None:
            raise NotTranslatedError("a range over something else than messages is not known")
        number = next(self._numbers)
        item = _message(f"m{number}")
        inner, begin = dict(variables), ""
        *index, name = node.variables or ("",)
        if index:
            # Another loop within this one has an index of its own.
            inner[index[0]] = _Value(f"v.i{number}")
            begin = f"{{% set v.i{number} = loop.index0 %}}"
        inner[name] = item
        body = self._nodes(node.body, item, inner)
        other = f"{{% else %}}{otherwise}" if otherwise else ""
        return f"{{% for m{number} in {value.jinja} %}}{begin}{body}{other}{{% endfor %}}"

    def _value(self, value: Expression, dot: _Value, variables: Mapping[str, _Value]) -> _Value:
        match value:
            case Literal(text):
                return _ABSENT if text is None else _Value(_literal(text))
            case Field(of, names):
                if isinstance(of, str):
                    found = dot if of == "." else variables.get(of)
                else:
                    found = self._value(of, dot, variables)
                return _field(found, str(of), names)
            case Call(name, arguments):
                several = [self._value(one, dot, variables) for one in arguments]
                return _call(name, several)


def _field(value: _Value | None, of: str, names: Sequence[str]) -> _Value:
    if value is None:
        raise NotTranslatedError(f"the variable {of[:40]!r} is not declared")
    for name in names:
        if value.absent:
            return _ABSENT
        found = (value.fields or {}).get(name)
        if found is None:
            raise NotTranslatedError(f"the field {name[:40]!r} is not known")
        value = found
    return value


def _call(name: str, arguments: Sequence[_Value]) -> _Value:
    there = [one.jinja for one in arguments if not one.absent]
    texts = [one.jinja for one in arguments]
    first, others = "".join(texts[:1]), texts[1:]
    all_there = len(there) == len(texts)
    match name, len(texts):
        case "and", 1 | 2 | 3 | 4 | 5:
            value = _Value(f"({' and '.join(texts)})", absent=not all_there)
        case "or", 1 | 2 | 3 | 4 | 5:
            value = _Value(f"({' or '.join(there)})", absent=not there)
        case "not", 1:
            value = _Value(f"(not {first})")
        case "eq", 2 | 3 | 4 | 5:
            value = _Value(f"({first} in [{', '.join(others)}])")
        case (("ne" | "lt" | "le" | "gt" | "ge"), 2):
            value = _Value(f"({first} {_COMPARISONS[name]} {others[0]})")
        case "len", 1:
            value = _Value(f"({first}|length)")
        case "slice", 1 | 2 | 3:
            value = _Value(f"{first}[{':'.join([*others, '', ''][:2])}]", items=arguments[0].items)
        case "index", 2 if arguments[0].items:
            value = _message(f"{first}[{others[0]}]")
        case "currentDate", 0:
            value = _Value('strftime_now("%Y-%m-%d")')
        case _:
            raise NotTranslatedError(f"the function {name[:40]!r} is not known")
    return value


def _written(text: str) -> str:
    """A text so that nothing in it is Jinja's, and no white space is trimmed."""
    return f"{{{{ {_literal(text)} }}}}" if text else ""


def _literal(value: str | int | float | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(nodes: Nodes) -> tuple[Nodes, bool]:
    """The nodes up to what writes the response, and whether there is that."""
    kept: list[Text | Action | Branch | Jump] = []
    for node in nodes:
        match node:
            case Branch():
                body, found = _cut(node.body)
                otherwise: Nodes = ()
                if not found:
                    otherwise, found = _cut(node.otherwise)
                kept.append(Branch(node.kind, node.value, node.variables, body, otherwise))
            case Action():
                kept.append(node)
                found = any(field.names == ("Response",) for field in _fields((node,)))
            case _:
                kept.append(node)
                found = False
        if found:
            return tuple(kept), True
    return tuple(kept), False


def _fields(nodes: Nodes) -> Iterator[Field]:
    """All fields that are named in the nodes."""
    for node in nodes:
        match node:
            case Branch():
                yield from _fields_of(node.value)
                yield from _fields(node.body)
                yield from _fields(node.otherwise)
            case Action():
                yield from _fields_of(node.value)
            case _:
                pass


def _fields_of(value: Expression) -> Iterator[Field]:
    match value:
        case Field(of, _):
            yield value
            if not isinstance(of, str):
                yield from _fields_of(of)
        case Call(_, arguments):
            for one in arguments:
                yield from _fields_of(one)
        case Literal():
            pass
