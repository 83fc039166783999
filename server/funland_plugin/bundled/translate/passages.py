"""Translates passages, none of which loses what is kept or its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from funland_plugin.bundled.asking import NoRoomError, TooLongError
from funland_plugin.bundled.splitting import parts
from funland_plugin.bundled.translate.keeping import between, given_back, kept

SIZES: Final = (1200, 600, 300, 150)
"""Characters that are translated at a time: longer passages are parted between sentences, as small
models lose the thread, and more so where nothing came of them."""
_WORDS: Final = re.compile(r"[^\W\d_]")

Translate = Callable[[list[str]], list[str]]
"""Gives translations of passages, in their order, empty where there is none.

Raises TooLongError."""


def translated(passages: list[str], translate: Translate) -> list[str | None]:
    """The translations; None where the model wrote none.

    A passage whose translation lost a mark, or has one twice, is translated once more in runs
    between what is kept: so that this stays, whatever the model does.

    Raises:
        NoRoomError: The model can't read the shortest parts.
    """
    told: list[str | None] = [None] * len(passages)
    left = list(range(len(passages)))
    for size in SIZES:
        try:
            made = _in_parts([passages[index] for index in left], size, translate)
        except TooLongError:
            if size == SIZES[-1]:
                raise NoRoomError from None
            continue
        for index, text in zip(left, made, strict=True):
            told[index] = text
        # Of what has one part again nothing else would come.
        left = [index for index in left if told[index] is None and len(passages[index]) > size // 2]
        if not left:
            break
    return told


def _in_parts(passages: list[str], size: int, translate: Translate) -> list[str | None]:
    units = [parts(passage, size) for passage in passages]
    made = iter(_units([unit for each in units for unit in each], translate))
    told: list[str | None] = []
    for each in units:
        own = [next(made) for _ in each]
        spaced = [
            f"{text}{_space_behind(unit)}" if text else None
            for text, unit in zip(own, each, strict=True)
        ]
        found = [text for text in spaced if text is not None]
        told.append("".join(found) if len(found) == len(spaced) else None)
    return told


def _units(units: list[str], translate: Translate) -> list[str | None]:
    marked = [kept(unit.strip()) for unit in units]
    asked = [text for text, _ in marked if _WORDS.search(text)]
    made = iter(translate(asked) if asked else [])
    answers = [next(made) if _WORDS.search(text) else text for text, _ in marked]
    told = [
        given_back(answer, found) if answer else None
        for answer, (_, found) in zip(answers, marked, strict=True)
    ]
    lost = [
        index
        for index, (answer, text) in enumerate(zip(answers, told, strict=True))
        if answer and text is None
    ]
    again = _by_runs([units[index].strip() for index in lost], translate)
    for index, text in zip(lost, again, strict=True):
        told[index] = text
    return told


def _by_runs(units: list[str], translate: Translate) -> list[str | None]:
    runs = [between(unit) for unit in units]
    asked = [text.strip() for each in runs for text, is_kept in each if _is_asked(text, is_kept)]
    answers = iter(translate(asked) if asked else [])
    told: list[str | None] = []
    for each in runs:
        own: list[str] = []
        empty = False
        for text, is_kept in each:
            if not _is_asked(text, is_kept):
                own.append(text)
                continue
            answer = next(answers)
            empty = empty or not answer
            stripped = text.strip()
            begin = text.index(stripped)
            own.append(f"{text[:begin]}{answer}{text[begin + len(stripped) :]}")
        told.append(None if empty else "".join(own))
    return told


def _is_asked(text: str, is_kept: bool) -> bool:
    return not is_kept and _WORDS.search(text) is not None


def _space_behind(unit: str) -> str:
    return " " if unit[-1:].isspace() else ""
