"""Finds the download that somebody means, so that nobody has to type an id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from funland.v1.downloads_pb2 import Download
from funland_cli.failures import CommandError, ExitCode

_SHORTEST: Final = 4
"""Fewer characters are no beginning of an id, but a slip."""

_WORD: Final = re.compile(r"[a-z]+[_-]")


def named(text: str, downloads: Sequence[Download]) -> str:
    """The id of the download that `text` names: an id, the beginning of one, a source or a model.

    Of several of the same source the newest, which is the first. What names none is given back,
    for the server to say so. Raises CommandError if it is the beginning of several ids.
    """
    if any(download.download_id == text for download in downloads):
        return text
    for download in downloads:
        origin = download.origin
        names = (origin.model_id, f"{origin.model_id}:{origin.variant}")
        if text in (download.source, download.model_id, *names):
            return download.download_id
    return begun(text, [download.download_id for download in downloads]) or text


def begun(text: str, ids: Sequence[str]) -> str | None:
    """The id that `text` is the beginning of, or of what follows a word in it, as in `sess_` and
    `task-`; None if there is none.

    Raises CommandError if there are several.
    """
    meant = [
        name
        for name in ids
        if len(text) >= _SHORTEST
        and text in (name[: len(text)], _WORD.sub("", name, count=1)[: len(text)])
    ]
    if len(meant) > 1:
        raise CommandError(
            f"{text} is the beginning of several ids: {', '.join(meant)}.",
            exit_code=ExitCode.USAGE,
        )
    return meant[0] if meant else None
