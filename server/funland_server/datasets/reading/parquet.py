"""Reads Apache Parquet, a few rows at a time, if pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from funland_server.datasets.reading.json_rows import BadRowError, Row, check_depth
from funland_server.datasets.reading.records import (
    FormatMissingError,
    Record,
    UnreadableError,
    too_long,
)

_ROWS: Final = 256
_MOST_GROUP_BYTES: Final = 4 << 30
"""Of a group of rows, unpacked."""


def read_parquet(file: BinaryIO, longest: int) -> Iterator[Record]:
    """See `Reader`."""
    try:
        # 165 MB that few need, and a tenth of a second.
        library: Any = import_module("pyarrow.parquet")
        arrow: Any = import_module("pyarrow")
    except ImportError:
        raise FormatMissingError(
            "Parquet is read by pyarrow, which is not installed: pip install 'funland[parquet]'"
        ) from None
    number = 0
    try:
        table = library.ParquetFile(file, pre_buffer=False)
        for group in range(table.num_row_groups):
            if table.metadata.row_group(group).total_byte_size > _MOST_GROUP_BYTES:
                raise UnreadableError(
                    f"a group of its rows has more than {_MOST_GROUP_BYTES} bytes"
                )
        for batch in table.iter_batches(batch_size=_ROWS, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield _record(number, row, longest)
    except (arrow.ArrowException, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's; Arrow's own, of a file that is none, has no number
        where = f", behind row {number}" if number else ""
        raise UnreadableError(f"it is no whole Parquet{where} ({type(error).__name__})") from None


def _record(number: int, row: Row, longest: int) -> Record:
    try:
        check_depth(row)
    except BadRowError as error:
        return Record(number, None, str(error))
    if _size(row) > longest:
        return Record(number, None, too_long(longest))
    return Record(number, row)


def _size(value: Any) -> int:
    """About how many bytes a value has as text."""
    match value:
        case str() | bytes():
            return len(value)
        case dict():
            pairs = cast("Row", value).items()
            return sum(len(str(name)) + _size(each) for name, each in pairs)
        case list():
            return sum(map(_size, cast("list[Any]", value)))
        case _:
            return 8
