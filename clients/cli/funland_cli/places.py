"""Where what is made goes: into a file, and under which name."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from funland_cli.failures import CommandError, ExitCode
from funland_client.streamed_speech import whole_file

Format = TypeVar("Format", bound=str)

PIPE: Final = "-"
_LONGEST_NAME: Final = 40


def format_of(path: str, endings: Mapping[str, Format]) -> Format:
    """The format that a file's name says. Raises CommandError for one that says none."""
    ending = Path(path).suffix.lower()
    if ending not in endings:
        raise CommandError(
            f"{path}: a name that ends with {', '.join(endings)} says how it is to be written.",
            hint="--format says it too",
            exit_code=ExitCode.USAGE,
        )
    return endings[ending]


def free_place(stem: str, ending: str, folder: Path | None = None) -> Path:
    """A file in the folder, the one where we are if none is named, that is not there yet:
    `speech.wav`, else `speech-2.wav`, and so on."""
    place = folder or Path()
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(path for path in (place / f"{name}{ending}" for name in names) if not path.exists())


def check_place(path: Path) -> None:
    """Raises CommandError where no file can be written, before what it is for is made."""
    folder = path.parent
    if path.is_dir():
        raise _unwritable(path, "Is a directory")
    if not folder.is_dir():
        raise _unwritable(path, f"There is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(path, "Permission denied")


@contextmanager
def written(path: Path) -> Generator[BinaryIO]:
    """A file to write, as `whole_file`; raises CommandError if it can't be."""
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _unwritable(path: Path, why: str) -> CommandError:
    return CommandError(f"{path} can't be written: {why}", exit_code=ExitCode.USAGE)


def numbered(path: Path, count: int) -> list[Path]:
    """The files for several of what is asked for: `cat.png`, or `cat-1.png`, `cat-2.png`."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, count + 1)]


def name_from(text: str, otherwise: str) -> str:
    """A file's name of a text's first words."""
    words = re.findall(r"\w+", text.lower())
    name = ""
    for word in words:
        if name and len(name) + 1 + len(word) > _LONGEST_NAME:
            break
        name = f"{name}-{word}" if name else word[:_LONGEST_NAME]
    return name or otherwise
