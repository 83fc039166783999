"""Tells people of datasets."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from typing import Final

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from funland.v1.datasets_pb2 import Dataset, DatasetTokens, DatasetVersion
from funland_cli.output import Output, size
from funland_cli.views import ago

COLUMNS: Final = ("DATASET", "NAME", "STATUS", ">ROWS", ">SIZE", ">VERSION", "CHANGED")
_WIDTH: Final = 40
_HUNDRED: Final = 100.0


def row(dataset: Dataset, now: datetime) -> tuple[str, ...]:
    """A dataset in a list of them."""
    newest = dataset.versions[0] if dataset.versions else DatasetVersion()
    return (
        dataset.dataset_id,
        dataset.name,
        standing(dataset),
        str(newest.row_count) if newest.version else "",
        size(newest.size_bytes),
        str(newest.version) if newest.version else "",
        ago(dataset.update_time, now),
    )


def standing(dataset: Dataset) -> str:
    """Where a dataset stands, in a word, and how far it is."""
    word = Dataset.Status.Name(dataset.status).lower()
    if dataset.HasField("progress_percent"):
        return f"{word} {dataset.progress_percent:.0f}%"
    return word


def all_of(dataset: Dataset, now: datetime) -> Iterator[tuple[str, str]]:
    """All that is known of a dataset, by name; what is not known is empty."""
    yield "dataset", dataset.dataset_id
    yield "name", dataset.name
    yield "description", dataset.description
    yield "project", dataset.project_id
    yield "owner", dataset.owner_id
    yield "status", standing(dataset)
    yield "error", dataset.error.message
    yield "made", ago(dataset.create_time, now)
    for version in dataset.versions:
        yield f"version {version.version}", _told(version)
    for version in dataset.versions[:1]:
        for field in version.fields:
            yield f"  {field.name}", f"{', '.join(field.types)} in {field.row_count} rows"
        for bad in version.bad_rows:
            yield "  can't be used", f"{bad.file}, line {bad.line}: {bad.problem}"


def counts(tokens: DatasetTokens) -> Iterator[tuple[str, str]]:
    """What was counted, by name."""
    yield "model", tokens.model_id
    yield "tokens", str(tokens.total)
    yield "of answers", str(tokens.answers)
    yield "a row", f"{tokens.shortest} to {tokens.longest}, {tokens.mean:.1f} in the mean"
    yield "half have", f"at most {tokens.median}"
    yield "95% have", f"at most {tokens.percentile_95}"


def shown(datasets: Iterable[Dataset], output: Output) -> Generator[Dataset]:
    """Shows how far reading is, before it hands each state on."""
    if not output.draws or output.as_json:
        yield from datasets
        return
    with output.picture() as picture:
        for dataset in datasets:
            picture.update(bar("Reading", dataset.progress_percent), refresh=True)
            yield dataset


def bar(what: str, percent: float) -> Table:
    """A bar of how far something is, of 100."""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(what), ProgressBar(_HUNDRED, percent, _WIDTH), Text(f"{percent:.0f}%"))
    return grid


def _told(version: DatasetVersion) -> str:
    kind = DatasetVersion.Format.Name(version.format)
    form = DatasetVersion.Form.Name(version.form).lower()
    bad = f", {version.bad_row_count} could not be used" if version.bad_row_count else ""
    return f"{version.row_count} rows ({form}, of {kind}), {size(version.size_bytes)}{bad}"
