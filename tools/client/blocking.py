"""Makes blocking code of code for event loops: the same text without its `async` and `await`."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from typing import Final

_DROPPED: Final = {"async", "await"}
_NAMES: Final = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__anext__": "__next__",
    "StopAsyncIteration": "StopIteration",
    "asynchronous": "blocking",
    "asyncio": "time",  # of which only `sleep` may be used
}
_PREFIXED: Final = re.compile(r"Async(?=[A-Z])|async_(?=[a-z])")
_NAME: Final = re.compile(r"\w+")
_ONLY_ASYNCHRONOUS: Final = re.compile(r"\s*\bCancelling [^.]*\.")
"""What docstrings say of tasks."""


def blocking(source: str) -> str:
    """Makes the blocking form of a module's source; it is not formatted.

    Names lose their prefix: `AsyncModels` is `Models`, and `grpc.aio` is `grpc`. Those that text
    names are named by it in their blocking form too.
    """
    lines = source.splitlines(keepends=True)
    made: list[str] = []
    row, column = 1, 0
    for start, end, text in _replacements(source):
        made.append(_between(lines, (row, column), start))
        made.append(text)
        row, column = end
    made.append(_between(lines, (row, column), (len(lines) + 1, 0)))
    return "".join(made)


def _replacements(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int], str]]:
    """The places whose text is another, in order: where each begins and ends, and the text."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        match token.type:
            case tokenize.NAME if token.string in _DROPPED:
                yield token.start, after.start, ""
            case tokenize.NAME:
                if (name := _name(token.string)) != token.string:
                    yield token.start, token.end, name
            case tokenize.OP if token.string == "." and after.string == "aio":
                yield token.start, after.end, ""
            case tokenize.STRING:
                if (text := _told(token.string)) != token.string:
                    yield token.start, token.end, text
            case _:
                pass


def _name(name: str) -> str:
    return _NAMES.get(name) or _PREFIXED.sub("", name, count=1)


def _told(text: str) -> str:
    """A docstring, or another text."""
    kept = _ONLY_ASYNCHRONOUS.sub("", text)
    return _NAME.sub(lambda word: _name(word[0]), kept)


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The source from one place to another, as `tokenize` counts them."""
    (row, column), (end_row, end_column) = start, end
    if row == end_row:
        return lines[row - 1][column:end_column]
    first, rest = lines[row - 1][column:], lines[row : end_row - 1]
    return "".join([first, *rest, lines[end_row - 1][:end_column] if end_row <= len(lines) else ""])
