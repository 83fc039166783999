"""Reads ModelScope's JSON: pure functions, for answers that may be anything."""

from __future__ import annotations

from typing import Any, Final

from funland.v1.hub_pb2 import HubModel
from funland.v1.models_pb2 import Origin
from funland_server.hub.clients import reading
from funland_server.hub.clients.protocol import Found, ListedFile
from funland_server.hub.clients.tags import formats_of, language_of
from funland_server.hub.names import complaint

MOST_LISTED: Final = 3000
"""A list of so many entries was cut off."""


def model_of(told: reading.Object) -> HubModel | None:
    """A model of a search, or one alone; None if its name is none."""
    model_id = reading.text(told.get("id"))
    if complaint(Origin.MODELSCOPE, model_id):
        return None
    tags = reading.texts(told.get("tags"))
    owner, _, name = model_id.partition("/")
    model = HubModel(
        hub=Origin.MODELSCOPE,
        model_id=model_id,
        display_name=reading.text(told.get("display_name")) or name,
        owner=owner,
        description=reading.text(told.get("description"), 2000),
        model_type=next(iter(reading.texts(told.get("tasks"), 1)), ""),
        formats=formats_of([*tags, *reading.texts(told.get("libraries")), name]),
        tags=tags,
        languages=[tag for tag in tags if language_of(tag)],
        license=next(iter(reading.texts(told.get("license"), 1)), ""),
        size_bytes=reading.number(told.get("file_size")) or None,
        downloads=reading.number(told.get("downloads")),
        likes=reading.number(told.get("likes")),
        gated=bool(told.get("gated")),
    )
    if (created := reading.time(told.get("created_at"))) is not None:
        model.create_time.FromDatetime(created)
    if (updated := reading.time(told.get("last_modified"))) is not None:
        model.update_time.FromDatetime(updated)
    return model


def page_of(told: Any, page: int, size: int) -> Found | None:
    """A page of a search; None if it is none."""
    data = reading.mapping(reading.mapping(told).get("data"))
    if not isinstance(data.get("models"), list):
        return None
    entries = list(reading.mappings(data["models"]))[:size]
    total = reading.number(data.get("total_count"))
    last = not entries or (page * size >= total if total is not None else len(entries) < size)
    models = tuple(model for entry in entries if (model := model_of(entry)) is not None)
    return Found(models, "" if last else str(page + 1), total)


def entries_of(told: Any) -> list[reading.Object] | None:
    """The entries of a list of files; None if it is none."""
    envelope = reading.mapping(told)
    data = envelope.get("Data")
    files = reading.mapping(data).get("Files") if isinstance(data, dict) else data
    if envelope.get("Success") is False or not isinstance(files, list):
        return None
    return list(reading.mappings(files))


def path_of(entry: reading.Object) -> str:
    """The path of a file or folder, as it was told."""
    told = entry.get("Path") or entry.get("Name")
    return told if isinstance(told, str) else ""


def is_folder(entry: reading.Object) -> bool:
    """Whether an entry is a folder."""
    return entry.get("Type") == "tree"


def file_of(entry: reading.Object) -> ListedFile:
    """A file of a list."""
    return ListedFile(
        path_of(entry),
        reading.number(entry.get("Size")),
        reading.digest(entry.get("Sha256"), 64),
        "",
    )


def commit_of(entries: list[reading.Object]) -> str:
    """The commit that made the newest of the files; empty if the list does not tell."""
    files = [entry for entry in entries if not is_folder(entry)]
    files.sort(key=lambda entry: reading.number(entry.get("CommittedDate")) or 0)
    named = (entry.get(key) for entry in files[-1:] for key in ("CommitId", "Revision"))
    return next((found for told in named if (found := reading.digest(told, 40))), "")
