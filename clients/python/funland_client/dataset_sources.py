"""What a dataset can be made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from funland.v1.datasets_pb2 import DatasetSource, DatasetVersion
from funland.v1.models_pb2 import Origin

Form = Literal["instruction", "messages", "sharegpt", "plain"]
"""What rows say; None where it is to be found out."""
HubName = Literal["modelscope", "huggingface"]


def of_file(file_id: str, *, form: Form | None = None) -> DatasetSource:
    """A file that the server keeps: see `client.uploads` and `client.files`."""
    return _formed(DatasetSource(file_id=file_id), form)


def of_path(path: str, *, form: Form | None = None) -> DatasetSource:
    """A file or a folder on the server's machine, by its absolute path."""
    return _formed(DatasetSource(path=path), form)


def of_hub(
    repository: str,
    *,
    hub: HubName | None = None,
    revision: str = "",
    include: Sequence[str] = (),
    form: Form | None = None,
) -> DatasetSource:
    """A dataset of a hub, such as `owner/name`; `include` are patterns of its files' paths."""
    source = DatasetSource()
    source.hub.repository = repository
    source.hub.revision = revision
    source.hub.include.extend(include)
    if hub is not None:
        source.hub.hub = Origin.Hub.Value(hub.upper())
    return _formed(source, form)


def of_rows(
    rows: Iterable[Mapping[str, Any]], *, name: str = "rows.jsonl", form: Form | None = None
) -> DatasetSource:
    """Rows themselves, 16 MiB of JSON at most."""
    text = "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    source = DatasetSource()
    source.inline.name = name
    source.inline.text = text
    return _formed(source, form)


def _formed(source: DatasetSource, form: Form | None) -> DatasetSource:
    if form is not None:
        source.form = DatasetVersion.Form.Value(form.upper())
    return source
