"""Which files can be read, by the ends of their names, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from funland_server.datasets.reading.json_list import read_json
from funland_server.datasets.reading.jsonl import read_jsonl
from funland_server.datasets.reading.paragraphs import read_text
from funland_server.datasets.reading.parquet import read_parquet
from funland_server.datasets.reading.records import Reader
from funland_server.datasets.reading.table import read_csv

_BY_ENDING: Final[Mapping[str, str]] = {
    ".jsonl": "JSONL", ".ndjson": "JSONL", ".json": "JSON",
    ".csv": "CSV", ".tsv": "CSV",
    ".parquet": "PARQUET",
    ".txt": "TEXT", ".text": "TEXT",
}  # fmt: skip
READERS: Final[Mapping[str, Reader]] = {
    "JSONL": read_jsonl,
    "JSON": read_json,
    "CSV": read_csv,
    "PARQUET": read_parquet,
    "TEXT": read_text,
}
"""By what `DatasetVersion.Format` calls them."""
ENDINGS: Final = tuple(_BY_ENDING)
_ABOUT: Final = (
    "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json",
    "package.json", "requirements.txt", "license.txt", "readme.txt",
)  # fmt: skip
"""What stands beside data and is none."""


def format_of(path: str) -> str:
    """What kind of file a path names; empty: none that is read."""
    pure = PurePosixPath(path)
    return _BY_ENDING.get(pure.suffix.lower(), "")


def is_data(path: str) -> bool:
    """Whether a file of a folder is read: of a kind that can be, not hidden, not about the
    others."""
    pure = PurePosixPath(path)
    hidden = any(part.startswith(".") for part in pure.parts)
    return bool(format_of(path)) and not hidden and pure.name.lower() not in _ABOUT


def true_format(told: str, file: BinaryIO) -> str:
    """The format of a file that is open: many that are called JSON have an object in each line."""
    if told != "JSON":
        return told
    begin = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    return "JSONL" if begin.startswith(b"{") else "JSON"
