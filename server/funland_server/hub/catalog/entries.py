"""An entry of the local catalog, as a row and as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Row

from funland.v1.hub_pb2 import HubFile, HubModel
from funland.v1.models_pb2 import Model
from funland_server.hub.choice.variants import Variant
from funland_server.hub.clients.protocol import HubKind, ListedFile, Listing

Key = tuple[HubKind, str]
"""A hub, and a model's id there."""

_REPLACED: Final = ("formats", "tags", "languages")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a hub has told of a model."""

    model: HubModel
    """Without files; its `known_time` is set."""
    files: tuple[ListedFile, ...] | None = None
    """None if the hub was never asked for them, or they were not read."""
    quantization: str = ""
    """See `Listing`."""
    listed_time: int = 0
    """When the files were told, in microseconds since 1970."""
    listed_revision: str = ""
    """The commit or digest that they are of; a list may have told of a later one since."""

    @property
    def key(self) -> Key:
        """Which model."""
        return self.model.hub, self.model.model_id

    @property
    def listing(self) -> Listing | None:
        """As its hub told it; its `model` is this one's, at the revision of the files."""
        if self.files is None:
            return None
        model = HubModel()
        model.CopyFrom(self.model)
        model.revision = self.listed_revision
        return Listing(model, self.files, self.quantization)


def key_of(model: HubModel) -> Key:
    """Which model it is."""
    return model.hub, model.model_id


def merged(known: HubModel, told: HubModel) -> HubModel:
    """What is known once a list has told of a model: lists leave out much that details have."""
    whole = HubModel()
    whole.CopyFrom(known)
    for name in _REPLACED:
        if getattr(told, name):
            whole.ClearField(name)
    whole.MergeFrom(told)
    if told.HasField("update_time") or told.revision:
        whole.gated = told.gated
    return whole


def row_of(model: HubModel) -> dict[str, Any]:
    """The columns of a model that are searched and sorted by, and itself."""
    return {
        "hub": model.hub,
        "model_id": model.model_id,
        "owner": model.owner.lower(),
        "model_type": model.model_type.lower(),
        "formats": bits_of(model.formats),
        "downloads": model.downloads if model.HasField("downloads") else -1,
        "likes": model.likes if model.HasField("likes") else -1,
        "update_time": model.update_time.ToMicroseconds(),
        "known_time": model.known_time.ToMicroseconds(),
        "model": model.SerializeToString(),
    }


def bits_of(formats: Sequence[Model.Format.ValueType]) -> int:
    """Formats as the column has them."""
    bits = 0
    for one in formats:
        bits |= 1 << one
    return bits


def quantizations_of(variants: Sequence[Variant]) -> str:
    """Quantizations as the column has them, by publishers' and by llama.cpp's names."""
    found = {label.upper() for one in variants for label in (one.quantization, one.name) if label}
    return f"|{'|'.join(sorted(found))}|"


def files_to_row(files: Sequence[ListedFile]) -> bytes:
    """Files as the column has them."""
    return HubModel(
        files=[
            HubFile(path=file.path, size_bytes=file.size_bytes, sha256=file.sha256)
            for file in files
        ]
    ).SerializeToString()


def entry_of(row: Row[*tuple[Any, ...]]) -> Entry:
    """The entry of a row, with its files if the row has them."""
    model = HubModel.FromString(row.model)
    told = getattr(row, "files", None)
    if told is None:
        return Entry(model)
    files = tuple(
        ListedFile(
            file.path, file.size_bytes if file.HasField("size_bytes") else None, file.sha256, ""
        )
        for file in HubModel.FromString(told).files
    )
    return Entry(model, files, row.quantization, row.listed_time, row.revision)


def stamped(microseconds: int) -> Timestamp:
    """A column's time as the contract has it."""
    time = Timestamp()
    time.FromDatetime(datetime.fromtimestamp(microseconds / 10**6, UTC))
    return time
