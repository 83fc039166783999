"""Writes grammars in llguidance's form of Lark.

Lark has rules and terminals, and a terminal is read in one go, as long as it can be. So all that
is regular becomes one terminal, as large as it can be: that is fast, and `letters "x"` is not cut
where `letters`, being `[a-z]*`, would take the `x`. Before a rule that calls itself it still does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.gbnf import Choice, Mark, Node, Reference, Repeat, Row, Text


def to_lark(rules: dict[str, Node]) -> str:
    """The rules in Lark, for a text that is a `root`.

    Raises:
        GrammarError: A rule is missing, or they lead on from one to the next too far.
    """
    if "root" not in rules:
        raise GrammarError("there is no rule `root`")
    try:
        return _Writer(rules).lark()
    except RecursionError as error:
        raise GrammarError("its rules lead on too far", limit=True) from error


class _Writer:
    """Writes rules as Lark, those that are regular as terminals."""

    def __init__(self, rules: dict[str, Node]) -> None:
        self._rules = rules
        self._regular: dict[str, bool] = {}
        self._terminals: dict[str, str] = {}
        """Of what is regular within a rule: its Lark, and the name that it got."""
        self._numbers = {name: number for number, name in enumerate(rules)}

    def lark(self) -> str:
        lines = [f"start: {self._name('root')}"]
        for name, node in self._rules.items():
            regular = self._is_regular_rule(name)
            body = self._write(node) if regular else self._write_rule(node)
            lines.append(f"{self._name(name)}: {body}")
        lines += [f"{name}: {body}" for body, name in self._terminals.items()]
        return "\n".join(lines) + "\n"

    def _name(self, rule: str) -> str:
        name = f"r{self._numbers[rule]}_{re.sub('[^a-z0-9]', '_', rule.lower())}"
        return name.upper() if self._is_regular_rule(rule) else name

    def _is_regular_rule(self, name: str) -> bool:
        if name not in self._regular:
            self._regular[name] = False  # if it comes back to itself
            self._regular[name] = self._is_regular(self._rules[name])
        return self._regular[name]

    def _is_regular(self, node: Node) -> bool:
        match node:
            case Text():
                return True
            case Mark():
                return False
            case Reference(name, line):
                if name not in self._rules:
                    raise GrammarError(f"line {line}: there is no rule `{name[:64]}`")
                return self._is_regular_rule(name)
            case Repeat(item):
                return self._is_regular(item)
            case Row(parts) | Choice(parts):
                # All of them, so that each name is looked up.
                return all([self._is_regular(part) for part in parts])  # noqa: C419 - see above

    def _write_rule(self, node: Node) -> str:
        """A part of a rule; what is regular in it becomes terminals."""
        if self._is_regular(node):
            return self._terminal(node)
        match node:
            case Repeat(item, times):
                return f"({self._write_rule(item)}){times}"
            case Choice(options):
                return "(" + " | ".join(map(self._write_rule, options)) + ")"
            case Row(items):
                return " ".join(self._write_rule(part) for part in self._joined(items))
            case _:
                return self._write(node)

    def _joined(self, items: tuple[Node, ...]) -> Iterator[Node]:
        """The items of a row, neighbours that are regular as one."""
        regular: list[Node] = []
        for item in items:
            if self._is_regular(item):
                regular.append(item)
                continue
            if regular:
                yield Row(tuple(regular))
                regular = []
            yield item
        if regular:
            yield Row(tuple(regular))

    def _terminal(self, node: Node) -> str:
        if isinstance(node, Reference):
            return self._name(node.name)
        body = self._write(node)
        return self._terminals.setdefault(body, f"T{len(self._terminals)}")

    def _write(self, node: Node) -> str:
        match node:
            case Text(lark) | Mark(lark):
                return lark
            case Reference(name):
                return self._name(name)
            case Repeat(item, times):
                return f"({self._write(item)}){times}"
            case Row(items):
                return " ".join(map(self._write_inner, items)) or '""'
            case Choice(options):
                return "(" + " | ".join(map(self._write, options)) + ")"

    def _write_inner(self, node: Node) -> str:
        return f"({self._write(node)})" if isinstance(node, Row) else self._write(node)
