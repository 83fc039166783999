"""Reads what people call a model of a hub: one pure parser for every way in.

What users of `docker`, `ollama`, `hf` and of the hubs' pages type is taken: `qwen2.5:0.5b`,
`owner/name`, `owner/name:Q4_K_M`, `hf.co/owner/name:Q8_0`, `modelscope:owner/name@v1.0`, and URLs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from funland.v1.models_pb2 import Origin
from funland_server.errors import FieldInvalidError, Violation
from funland_server.hub.clients.protocol import HubKind
from funland_server.hub.names import LIBRARY, complaint, revision_complaint, tagged

PREFIXES: Final = {
    "modelscope": Origin.MODELSCOPE, "ms": Origin.MODELSCOPE,
    "huggingface": Origin.HUGGINGFACE, "hf": Origin.HUGGINGFACE,
    "ollama": Origin.OLLAMA,
}  # fmt: skip
HOSTS: Final = {
    "modelscope.cn": Origin.MODELSCOPE, "www.modelscope.cn": Origin.MODELSCOPE,
    "huggingface.co": Origin.HUGGINGFACE, "hf.co": Origin.HUGGINGFACE,
    "ollama.com": Origin.OLLAMA, "registry.ollama.ai": Origin.OLLAMA,
}  # fmt: skip
"""The hubs' own, by which they are named; what is asked is the endpoint of the settings."""
RIGHT: Final = (
    "write owner/name, owner/name:Q4_K_M, hf.co/owner/name, modelscope:owner/name,"
    " or name:tag for one of Ollama's"
)
_HOSTLIKE: Final = re.compile(
    r"(?:[^/\s]+\.[a-z]{2,}|localhost|\[[0-9a-f:]+\]|[0-9.]+)(?::\d+)?", re.I
)
_PAGES: Final = ("tree", "blob", "resolve", "raw", "file", "files", "view", "summary")


@dataclass(frozen=True, slots=True)
class Source:
    """A model of a hub, as it was asked for. What was not said is 0 or empty."""

    hub: HubKind
    """0: the first that has the model."""
    model_id: str
    """With its tag, for one of Ollama's."""
    revision: str = ""
    variant: str = ""


def read_source(
    text: str,
    *,
    hub: HubKind = Origin.HUB_UNSPECIFIED,
    revision: str = "",
    variant: str = "",
    hosts: Mapping[str, HubKind] = HOSTS,
) -> Source:
    """What a text names. The other arguments are what was said beside it; `hosts` are those that
    stand for a hub.

    Raises:
        FieldInvalidError: It names nothing, or something else than was said beside it.
    """
    found = _read(text.strip(), hosts)
    if hub and found.hub and found.hub != hub:
        raise _wrong("hub", "is another hub than `source` names")
    found = _at(found, hub or found.hub)
    if revision and found.revision and revision != found.revision:
        raise _wrong("revision", f"is not {found.revision!r}, which `source` names")
    if variant and found.variant and variant.lower() != found.variant.lower():
        raise _wrong("variant", f"is not {found.variant!r}, which `source` names")
    found = replace(found, revision=revision or found.revision, variant=variant or found.variant)
    if found.hub == Origin.OLLAMA:
        if found.variant and ":" not in found.model_id:  # its variants are tags
            found = replace(found, model_id=f"{found.model_id}:{found.variant}", variant="")
        found = replace(found, model_id=tagged(found.model_id, found.model_id.partition(":")[2]))
    why = complaint(found.hub or Origin.HUGGINGFACE, found.model_id)
    if why:
        raise _wrong("source", f"names {found.model_id[:80]!r}, which {why}; {RIGHT}")
    if found.revision and (why := revision_complaint(found.revision)):
        raise _wrong("revision" if revision else "source", f"{found.revision[:80]!r} {why}")
    return found


def _at(found: Source, hub: HubKind) -> Source:
    """The name as its hub reads it: `name:tag` is Ollama's, `owner/name:Q4_K_M` anybody's."""
    name, colon, rest = found.model_id.partition(":")
    if colon and not rest:
        raise _wrong("source", f"ends with a colon; {RIGHT}")
    if not hub and ("/" not in name or name.startswith(f"{LIBRARY}/")):
        hub = Origin.OLLAMA
    if hub == Origin.OLLAMA:
        return replace(found, hub=hub)
    name, at, revision = name.partition("@")
    if at and not revision:
        raise _wrong("source", f"ends with an @; {RIGHT}")
    return replace(
        found, hub=hub, model_id=name, revision=revision or found.revision,
        variant=rest or found.variant,
    )  # fmt: skip


def _read(text: str, hosts: Mapping[str, HubKind]) -> Source:
    if not text.isprintable() or " " in text:
        raise _wrong("source", f"holds spaces or what can't be shown; {RIGHT}")
    scheme, mark, rest = text.partition("://")
    if mark:
        if scheme.lower() in PREFIXES:
            return Source(PREFIXES[scheme.lower()], rest)
        return _of_url(text, hosts)
    first, slash, rest = text.partition("/")
    if slash and first.lower() in hosts:
        return _of_url(f"https://{text}", hosts)
    prefix, colon, name = text.partition(":")
    if colon and prefix.lower() in PREFIXES and name and "/" not in prefix:
        hub = PREFIXES[prefix.lower()]
        return Source(hub, name.removeprefix("//"))
    if slash and _HOSTLIKE.fullmatch(first) and rest.count("/") >= 1:
        raise _other_host(first, hosts)
    if "/" in name and prefix.isalpha():
        known = ", ".join(PREFIXES)
        raise _wrong("source", f"names the hub {prefix[:80]!r}, which is none of {known}; {RIGHT}")
    return Source(Origin.HUB_UNSPECIFIED, text)


def _of_url(text: str, hosts: Mapping[str, HubKind]) -> Source:
    """The model of a hub's page: `/owner/name`, and what may follow."""
    try:
        url = urlsplit(text)
        _, at, host = url.netloc.lower().rpartition("@")  # who is before it is shown to nobody
    except ValueError:
        raise _wrong("source", f"is no URL; {RIGHT}") from None
    if url.scheme.lower() not in ("http", "https") or host not in hosts:
        raise _other_host(host or text[:80], hosts)
    if at:
        raise _wrong("source", f"holds a user or a password; {RIGHT}")
    hub = hosts[host]
    parts = [unquote(part) for part in url.path.split("/") if part]
    if hub == Origin.OLLAMA:
        return Source(hub, "/".join(parts[-1:] if parts[:1] == ["library"] else parts))
    if parts[:1] in (["models"], ["model"]):
        parts = parts[1:]
    model_id, pages = "/".join(parts[:2]), parts[2:]
    revision = variant = ""
    if pages and pages[0] in _PAGES and len(pages) > 1 and pages[0] != "file":
        revision, variant = pages[1], "/".join(pages[2:])
    elif pages and pages[0] not in _PAGES:
        raise _wrong("source", f"is no page of a model; {RIGHT}")
    query = parse_qs(url.query)
    revision = revision or query.get("Revision", query.get("revision", [""]))[0]
    variant = variant or query.get("FilePath", [""])[0]
    return Source(hub, model_id, revision, variant)


def _other_host(host: str, hosts: Mapping[str, HubKind]) -> FieldInvalidError:
    return _wrong(
        "source",
        f"names the host {host[:80]!r}, which is none of the hubs that are set"
        f" ({', '.join(sorted(hosts))}); {RIGHT}",
    )


def _wrong(field: str, description: str) -> FieldInvalidError:
    return FieldInvalidError([Violation(field, description)])
