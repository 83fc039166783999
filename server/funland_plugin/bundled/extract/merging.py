"""Makes one answer of those about a text's parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast


def distinct(records: Iterable[Any]) -> list[Any]:
    """The records, each once, where it first stands."""
    found: dict[str, Any] = {}
    for record in records:
        found.setdefault(json.dumps(record, sort_keys=True), record)
    return list(found.values())


def one(answers: Sequence[Any]) -> Any:
    """One record of what was found in each part: each field as the first part has it that has it.
    Lists are joined. What is no object is the first that says something."""
    objects = [cast("dict[str, Any]", each) for each in answers if isinstance(each, dict)]
    if len(objects) < len(answers):
        return next((each for each in answers if _says(each)), answers[0])
    merged: dict[str, Any] = {}
    for each in objects:
        for name, value in each.items():
            known: Any = merged.get(name)
            merged[name] = value if name not in merged else _both(known, value)
    return merged


def _both(known: Any, value: Any) -> Any:
    if isinstance(known, list) and isinstance(value, list):
        return distinct([*cast("list[Any]", known), *cast("list[Any]", value)])
    return cast("Any", known if _says(known) or not _says(value) else value)


def _says(value: Any) -> bool:
    return value not in (None, "", [], {})
