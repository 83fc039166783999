"""What clients say of sessions and in them, in the contract's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import orjson

from funland.v1.sessions_pb2 import CreateSessionRequest, SendMessageRequest
from funland_gateway.dialects.reading import JsonObject, missing
from funland_gateway.dialects.sampling import EVERY_PARAMETER, read_sampling

_TITLE_AND_TAGS: Final = ("title", "tags")
_NAMES: Final[Mapping[str, str]] = {
    "model": "model_id",
    "device_ids": "device_id",
    "sampling": "config",
    "system_message": "config.system_prompt",
    "title": "metadata.title",
    "tags": "metadata.tags",
}
"""What a client calls the fields of `CreateSessionRequest`."""
_SAID: Final = re.compile(r"^(?:send\.)?content|^cancel\.(?=message_id)|^send\.(?=metadata)")


def create_request(body: JsonObject) -> CreateSessionRequest:
    """Reads what a session is to be."""
    config = body.object("config") or JsonObject({}, "config")
    metadata = body.object("metadata") or JsonObject({}, "metadata")
    device = body.optional_string("device_id")
    return CreateSessionRequest(
        model=_not_empty(body, "model_id"),
        device_ids=[device] if device else (),
        sampling=read_sampling(config, EVERY_PARAMETER).parameters,
        system_message=config.optional_string("system_prompt"),
        title=metadata.optional_string("title"),
        tags=metadata.strings("tags"),
        metadata=_kept(metadata, but=_TITLE_AND_TAGS),
    )


def create_name(path: str) -> str:
    """What a client calls a field of `CreateSessionRequest`."""
    first, rest = re.fullmatch(r"([^.\[]*)(.*)", path, re.DOTALL).groups("")  # type: ignore[union-attr]  # it matches all
    return _NAMES.get(first, first) + ("" if first == "device_ids" else rest)


def send_request(body: JsonObject, session_id: str = "") -> SendMessageRequest:
    """Reads something that is said."""
    return SendMessageRequest(
        session_id=session_id,
        content=_not_empty(body, "message"),
        metadata=_kept(body.object("metadata") or JsonObject({}, "metadata")),
    )


def said_name(path: str) -> str:
    """What a client calls a field of `SendMessageRequest`, or of `ConverseRequest`."""
    return _SAID.sub(lambda found: "message" if "content" in found[0] else "", path)


def _not_empty(body: JsonObject, name: str) -> str:
    value = body.string(name)
    if not value:
        raise missing(body.path_of(name))
    return value


def _kept(metadata: JsonObject, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """What is kept of it: texts as they are, all else as JSON."""
    return {
        key: value if isinstance(value, str) else orjson.dumps(value).decode()
        for key, value in metadata.items()
        if key not in but and value is not None
    }
