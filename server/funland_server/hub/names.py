"""What may be the name of a model on a hub: pure rules, the same for callers and hubs."""

from __future__ import annotations

import re
from typing import Final

from funland.v1.models_pb2 import Origin
from funland_server.hub.clients.protocol import DISPLAY_NAMES, HubKind

_PART: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
"""HuggingFace's rule for owners and names. ModelScope takes more, but has no such names."""
_OLLAMA_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_OLLAMA_OWNER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_REVISION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,127}")
_TAGGED: Final = re.compile(r"(?P<name>[^:]*)(?::(?P<tag>[^:]*))?")

LATEST: Final = "latest"
"""Ollama's tag of a name without one."""
LIBRARY: Final = "library"
"""Ollama's owner of a name without one."""


def complaint(hub: HubKind, model_id: str) -> str | None:
    """Why no model of the hub can have the id; None if one can."""
    if hub == Origin.OLLAMA:
        if _is_ollama(model_id):
            return None
        right = "`name` or `owner/name`, with `:tag` behind it or without"
    else:
        owner, slash, name = model_id.partition("/")
        if slash and all(map(_is_part, (owner, name))):
            return None
        right = "`owner/name`, of letters, digits, `-`, `_` and `.`"
    return f"is no model's id on {DISPLAY_NAMES[hub]}, which is {right}"


def revision_complaint(revision: str) -> str | None:
    """Why nothing can have the name as a branch, tag or commit; None if it can."""
    if _REVISION.fullmatch(revision) and ".." not in revision and "//" not in revision:
        return None
    return "is no branch, tag or commit"


def parts_of(model_id: str) -> tuple[str, str, str]:
    """Owner, name and tag of an id on Ollama's registry."""
    path, _, tag = model_id.partition(":")
    owner, slash, name = path.rpartition("/")
    return (owner if slash else LIBRARY), name, tag or LATEST


def tagged(model_id: str, tag: str) -> str:
    """The id of a model on Ollama's registry by its tag, in its one writing."""
    path = model_id.partition(":")[0].removeprefix(f"{LIBRARY}/")
    return path if tag in ("", LATEST) else f"{path}:{tag}"


def is_ollama_tag(tag: str) -> bool:
    """Whether it may be a tag of Ollama's."""
    return _OLLAMA_PART.fullmatch(tag) is not None


def _is_part(part: str) -> bool:
    plain = "--" not in part and ".." not in part and not part.endswith((".git", ".ipynb"))
    return plain and _PART.fullmatch(part) is not None


def _is_ollama(model_id: str) -> bool:
    found = _TAGGED.fullmatch(model_id)
    if found is None or (found["tag"] is not None and not is_ollama_tag(found["tag"])):
        return False
    owner, slash, name = found["name"].rpartition("/")
    if slash and not _OLLAMA_OWNER.fullmatch(owner):
        return False
    return _OLLAMA_PART.fullmatch(name) is not None and ".." not in name
