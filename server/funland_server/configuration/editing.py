"""Changes the text of a settings file, and leaves alone all else that somebody wrote: no I/O."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """The text with settings set, or taken out where the new value is None. Comments, order and
    blank lines stay.

    `text` is TOML with tables alone at its top. Raises ValueError if it is so unusual that the
    changes would not be in it, and nothing else.
    """
    import tomlkit  # noqa: PLC0415 - only whoever changes settings needs it
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - the same

    expected: dict[str, dict[str, Any]] = tomllib.loads(text)
    try:
        document: Any = tomlkit.parse(text)
    except TOMLKitError as error:  # not all of them are ValueErrors
        raise ValueError(str(error)) from error
    for name, value in changes.items():
        section, _, field = name.partition(".")
        table = document.get(section)
        if not isinstance(table, MutableMapping | None):
            raise ValueError(f"{section} is no table there")
        if value is None:
            if table is not None and field in table:
                del table[field]
                del expected[section][field]
            continue
        if table is None:
            document[section] = tomlkit.table()
            table = document[section]
        table[field] = value
        expected.setdefault(section, {})[field] = value
    changed = tomlkit.dumps(document)
    if tomllib.loads(changed) != expected:
        raise ValueError("the file has to be edited by hand")
    return changed
