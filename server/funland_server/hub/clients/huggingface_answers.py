"""Reads HuggingFace's JSON: pure functions, for answers that may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from funland.v1.hub_pb2 import HubModel
from funland.v1.models_pb2 import Origin
from funland_server.hub.clients import reading
from funland_server.hub.clients.protocol import ListedFile
from funland_server.hub.clients.tags import formats_of, language_of
from funland_server.hub.names import complaint

LONGEST_CURSOR: Final = 512
_LARGEST_CONTEXT: Final = 2**31 - 1


def model_of(told: reading.Object) -> HubModel | None:
    """A model of a search, or one alone; None if its name is none."""
    model_id = reading.text(told.get("id") or told.get("modelId"))
    if complaint(Origin.HUGGINGFACE, model_id):
        return None
    owner, _, name = model_id.partition("/")
    tags = reading.texts(told.get("tags"))
    card = reading.mapping(told.get("cardData"))
    gguf = reading.mapping(told.get("gguf"))
    weights = reading.mapping(told.get("safetensors"))
    config = reading.mapping(told.get("config"))
    siblings = [
        reading.text(one.get("rfilename")) for one in reading.mappings(told.get("siblings"))
    ]
    suffixes = {path.rpartition(".")[2].lower() for path in siblings[:2000]}
    model = HubModel(
        hub=Origin.HUGGINGFACE,
        model_id=model_id,
        display_name=name,
        owner=owner,
        model_type=reading.text(told.get("pipeline_tag"), 64),
        formats=formats_of([*tags, reading.text(told.get("library_name")), *suffixes]),
        tags=tags,
        languages=_languages(card, tags),
        license=_license(card, tags),
        architecture=reading.text(gguf.get("architecture"), 64)
        or reading.text(config.get("model_type"), 64),
        parameter_count=reading.number(gguf.get("total")) or reading.number(weights.get("total")),
        context_length=reading.number(gguf.get("context_length"), _LARGEST_CONTEXT) or None,
        downloads=reading.number(told.get("downloads")),
        likes=reading.number(told.get("likes")),
        revision=reading.digest(told.get("sha"), 40),
        gated=told.get("gated") not in (None, False, ""),
    )
    if (created := reading.time(told.get("createdAt"))) is not None:
        model.create_time.FromDatetime(created)
    if (updated := reading.time(told.get("lastModified"))) is not None:
        model.update_time.FromDatetime(updated)
    return model


def models_of(told: Any, size: int) -> tuple[HubModel, ...] | None:
    """The models of a page; None if it is no list."""
    if not isinstance(told, list):
        return None
    entries = list(reading.mappings(told))[:size]
    return tuple(model for entry in entries if (model := model_of(entry)) is not None)


def next_cursor(headers: Mapping[str, str]) -> str:
    """Where the next page begins, by the `Link` header; empty on the last. Of its URL only the
    cursor is taken, so it leads nowhere else."""
    for link in headers.get("Link", "")[:8192].split(","):
        url, _, about = link.partition(";")
        if 'rel="next"' in about:
            try:
                query = parse_qs(urlsplit(url.strip(" <>")).query)
            except ValueError:
                return ""
            cursor = query.get("cursor", [""])[0]
            return cursor if cursor.isprintable() and len(cursor) <= LONGEST_CURSOR else ""
    return ""


def files_of(told: Any) -> list[ListedFile] | None:
    """The files of a page of a tree; None if it is no list."""
    if not isinstance(told, list):
        return None
    return [_file(entry) for entry in reading.mappings(told) if entry.get("type") == "file"]


def _file(entry: reading.Object) -> ListedFile:
    path = entry.get("path")
    lfs = reading.mapping(entry.get("lfs"))
    sha256 = reading.digest(lfs.get("oid"), 64) or reading.digest(lfs.get("sha256"), 64)
    size = reading.number(lfs.get("size")) if lfs else None
    return ListedFile(
        path if isinstance(path, str) else "",
        size if size is not None else reading.number(entry.get("size")),
        sha256,
        # Of a large file, git has a pointer, whose name says nothing of the file.
        "" if lfs else reading.digest(entry.get("oid"), 40),
    )


def _languages(card: reading.Object, tags: list[str]) -> list[str]:
    return reading.texts(card.get("language")) or [tag for tag in tags if language_of(tag)]


def _license(card: reading.Object, tags: list[str]) -> str:
    told = reading.texts(card.get("license"), 1)
    prefix = "license:"
    told += [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]
    return told[0] if told else ""
