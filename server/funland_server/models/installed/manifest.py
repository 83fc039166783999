"""What is known of an installed model, as it is kept beside its weights."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message as AnyMessage
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from funland.v1.inference_pb2 import Message, SamplingParameters
from funland.v1.models_pb2 import Origin
from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed.defaults import Defaults
from funland_server.models.installed.layout import place
from funland_server.models.installed.model import Fingerprint, InstalledModel


@dataclass(frozen=True)
class _Defaults:
    """`Defaults`, its messages in protobuf's JSON."""

    sampling: dict[str, Any] = field(default_factory=dict[str, Any])
    system_message: str = ""
    messages: tuple[dict[str, Any], ...] = ()
    context_length: int | None = None
    chat_template: str = ""
    adapters: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Manifest:
    """Fields may be added, with a default: those of an older version are read too."""

    model_id: str
    aliases: tuple[str, ...]
    source: str
    sha256: str
    fingerprint: Fingerprint
    header: ModelHeader
    create_time: datetime
    files: dict[str, str] = field(default_factory=dict[str, str])
    origin: dict[str, Any] | None = None
    defaults: _Defaults = field(default_factory=_Defaults)


_adapter: Final = TypeAdapter(_Manifest)

_AnyMessage = TypeVar("_AnyMessage", bound=AnyMessage)


def to_json(model: InstalledModel) -> bytes:
    """The manifest's text; of a model that is in the store."""
    assert model.create_time is not None  # noqa: S101 - only the built-in model has none
    wanted = model.defaults
    manifest = _Manifest(
        model_id=model.model_id,
        aliases=model.aliases,
        source=model.source,
        sha256=model.sha256,
        fingerprint=model.fingerprint,
        header=model.header,
        create_time=model.create_time,
        files=dict(model.files),
        origin=None if model.origin is None else _to_dict(model.origin),
        defaults=_Defaults(
            sampling=_to_dict(wanted.sampling),
            system_message=wanted.system_message,
            messages=tuple(map(_to_dict, wanted.messages)),
            context_length=wanted.context_length,
            chat_template=wanted.chat_template,
            adapters=wanted.adapters,
        ),
    )
    return _adapter.dump_json(manifest, indent=2)


def from_json(text: bytes, folder: Path) -> InstalledModel:
    """The model that lies in this folder, and has its name.

    Raises:
        ValueError: It is no manifest.
    """
    manifest = _adapter.validate_json(text)
    wanted = manifest.defaults
    try:
        return InstalledModel(
            model_id=folder.name,
            aliases=manifest.aliases,
            source=manifest.source,
            path=folder / place(manifest.header),
            sha256=manifest.sha256,
            fingerprint=manifest.fingerprint,
            header=manifest.header,
            create_time=manifest.create_time,
            files=manifest.files,
            origin=None if manifest.origin is None else _from_dict(manifest.origin, Origin()),
            defaults=Defaults(
                sampling=_from_dict(wanted.sampling, SamplingParameters()),
                system_message=wanted.system_message,
                messages=tuple(_from_dict(one, Message()) for one in wanted.messages),
                context_length=wanted.context_length,
                chat_template=wanted.chat_template,
                adapters=wanted.adapters,
            ),
        )
    except json_format.ParseError as error:
        raise ValueError(str(error)) from None


def _to_dict(message: AnyMessage) -> dict[str, Any]:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _from_dict(values: dict[str, Any], message: _AnyMessage) -> _AnyMessage:
    return json_format.ParseDict(values, message, ignore_unknown_fields=True)
