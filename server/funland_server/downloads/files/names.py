"""Which files of a hub's list may be fetched: pure checks of their paths.

A list is hostile until proven otherwise. What passes lies within the model's folder on every
system, under one name, and is neither a pickle nor a program.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

LONGEST: Final = 1024
"""Bytes of a path."""
_LONGEST_NAME: Final = 255
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?")
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
_PICKLES: Final = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
_PROGRAMS: Final = (".bat", ".cmd", ".dll", ".dylib", ".exe", ".ipynb", ".lnk", ".ps1", ".py")
_MORE_PROGRAMS: Final = (".pyc", ".pyd", ".sh", ".so", ".url")
_CTRANSLATE2: Final = ("vocabulary.json", "vocabulary.txt", "shared_vocabulary.json",
                       "shared_vocabulary.txt", "source_vocabulary.json")  # fmt: skip

_STYLE: Final = re.compile(r"[a-z][fm]_[a-z0-9]+\.bin")


def complaint(path: str) -> str | None:
    """Why a path leads elsewhere, or can't be a file's on every system; None if it may stay."""
    if not path or len(path.encode("utf-8", "surrogatepass")) > LONGEST:
        return f"its path has not 1 to {LONGEST} bytes"
    for text in dict.fromkeys((path, unquote(path), unquote(unquote(path)))):
        if why := _complaint(text):
            return why
    return None


def _complaint(path: str) -> str | None:
    if not path.isprintable():
        return "its path holds characters that can't be shown"
    if _FORBIDDEN.search(path):
        return "its path holds a character that no path may hold"
    if path.startswith("/"):
        return "its path is absolute"
    return next(filter(None, map(_complaint_of_name, path.split("/"))), None)


def _complaint_of_name(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "its path leads out of the model's folder"
    if len(name.encode()) > _LONGEST_NAME:
        return f"a name in its path is longer than {_LONGEST_NAME} bytes"
    if name != name.strip() or name.endswith("."):
        return "a name in its path begins or ends with a space, or ends with a dot"
    return "a name in its path is a device's" if _DEVICE.fullmatch(name.lower()) else None


def is_never_fetched(path: str, there: Collection[str]) -> bool:
    """Whether it may be a pickle or a program. `there` are the paths of all files of the list.

    Only three kinds of `.bin` are weights without code: OpenVINO's beside its `.xml`,
    CTranslate2's `model.bin` beside its vocabulary, and plain numbers of Kokoro's voices, which are
    read as nothing else.
    """
    pure = PurePosixPath(path)
    suffix = pure.suffix.lower()
    if suffix == ".bin":
        if str(pure.with_suffix(".xml")) in there:
            return False
        if _STYLE.fullmatch(pure.name) and any(one.endswith(".onnx") for one in there):
            return False
        beside = (str(pure.with_name(name)) for name in _CTRANSLATE2)
        return not (pure.name == "model.bin" and any(name in there for name in beside))
    return suffix in (*_PICKLES, *_PROGRAMS, *_MORE_PROGRAMS)


def collision(paths: Iterable[str]) -> str | None:
    """A path that can't be kept beside the others: the same but for case, or a folder of theirs."""
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        folded = path.casefold()
        above = {str(parent) for parent in PurePosixPath(folded).parents}
        if folded in files or folded in folders or above & files:
            return path
        files.add(folded)
        folders |= above
    return None
