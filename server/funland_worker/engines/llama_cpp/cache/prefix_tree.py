"""Finds which of many token sequences begins most like a new one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from funland_worker.engines.stand_ins import whole

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True, eq=False)
class _Node(Generic[Key]):
    """A run of tokens that all sequences below it have in common."""

    run: list[int]
    parent: _Node[Key] | None
    children: dict[int, _Node[Key]] = field(default_factory=dict)  # type: ignore[assignment]  # the children are of the node's own type
    ends: dict[Key, None] = field(default_factory=dict)  # type: ignore[assignment]  # as above
    """The keys of the sequences that end with this run."""


@dataclass(frozen=True, slots=True)
class Match(Generic[Key]):
    """How much of a sequence is known, and one of those who know it."""

    length: int
    key: Key


class PrefixTree(Generic[Key]):
    """A radix tree: what sequences have in common is kept once.

    Each key stands for one sequence. All work is proportional to the length of the sequence that is
    given, not to how many there are.
    """

    def __init__(self) -> None:
        self._root: _Node[Key] = _Node([], None)
        self._ends: dict[Key, _Node[Key]] = {}
        self.size = 0
        """How many tokens all sequences have, those that several begin with counted once."""

    def __contains__(self, key: Key) -> bool:
        """Whether the key has a sequence."""
        return key in self._ends

    def insert(self, tokens: Sequence[int], key: Key) -> None:
        """Adds a sequence, or gives a key another one."""
        if key in self._ends:
            self.remove(key)
        node, depth = self._root, 0
        while depth < len(tokens):
            child = node.children.get(tokens[depth])
            if child is None:
                child = _Node(list(tokens[depth:]), node)
                node.children[tokens[depth]] = child
                self.size += len(child.run)
                node, depth = child, len(tokens)
                break
            shared = common_length(child.run, tokens, depth)
            if shared < len(child.run):
                child = self._split(child, shared)
            node, depth = child, depth + shared
        node.ends[key] = None
        self._ends[key] = node

    def remove(self, key: Key) -> None:
        """Removes a key's sequence, and the tokens that no other has."""
        node = self._ends.pop(key)
        del node.ends[key]
        while node.parent is not None and not node.ends and not node.children:
            self.size -= len(node.run)
            del node.parent.children[node.run[0]]
            node = node.parent
        if node.parent is not None and not node.ends and len(node.children) == 1:
            self._join(node)

    def match(self, tokens: Sequence[int]) -> Match[Key] | None:
        """The sequence that shares the longest beginning with `tokens`; None if none shares any."""
        node, depth = self._root, 0
        while depth < len(tokens):
            child = node.children.get(tokens[depth])
            if child is None:
                break
            shared = common_length(child.run, tokens, depth)
            node, depth = child, depth + shared
            if shared < len(child.run):
                break
        return Match(depth, self._any_below(node)) if depth else None

    def beginnings(self, tokens: Sequence[int]) -> list[Match[Key]]:
        """The sequences that `tokens` begins with, the longest first."""
        node, depth = self._root, 0
        found: list[Match[Key]] = []
        while depth < len(tokens):
            child = node.children.get(tokens[depth])
            if child is None or common_length(child.run, tokens, depth) < len(child.run):
                break
            node, depth = child, depth + len(child.run)
            found += [Match(depth, key) for key in node.ends]
        return found[::-1]

    def best(self, tokens: Sequence[int], *, entire: bool) -> Match[Key] | None:
        """What `match` gives; with `entire` only of sequences that `tokens` begins with."""
        return next(iter(self.beginnings(tokens)), None) if entire else self.match(tokens)

    def _any_below(self, node: _Node[Key]) -> Key:
        while not node.ends:
            node = next(iter(node.children.values()))
        return next(iter(node.ends))

    def _split(self, node: _Node[Key], length: int) -> _Node[Key]:
        """Puts a node of the first `length` tokens above `node`, and gives it."""
        assert node.parent is not None  # noqa: S101 - the root has no tokens, so it is never split
        upper: _Node[Key] = _Node(node.run[:length], node.parent)
        node.parent.children[node.run[0]] = upper
        node.run = node.run[length:]
        node.parent = upper
        upper.children[node.run[0]] = node
        return upper

    def _join(self, node: _Node[Key]) -> None:
        """Makes one of a node and its only child."""
        (child,) = node.children.values()
        node.run += child.run
        node.children = child.children
        for grandchild in node.children.values():
            grandchild.parent = node
        node.ends = child.ends
        for key in node.ends:
            self._ends[key] = node


def common_length(run: Sequence[int], tokens: Sequence[int], start: int = 0) -> int:
    """How many tokens of `run` stand in `tokens` from `start` on.

    Compares slices, which C does, and halves where they differ: long runs cost little.
    """
    length = min(len(run), len(tokens) - start)
    if run[:length] == tokens[start : start + length]:
        return length
    low, high = 0, length
    while high - low > 1:
        middle = (low + high) // 2
        if run[low:middle] == tokens[start + low : start + middle]:
            low = middle
        else:
            high = middle
    return low


def known_length(kept: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens of a new text are known from one that is kept. The last is never taken as
    known, and of a picture all rows or none."""
    return whole(tokens, min(common_length(kept, tokens), len(tokens) - 1))
