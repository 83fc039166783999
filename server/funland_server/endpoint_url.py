"""Reads URLs and hosts of other servers, as settings have them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_PLAIN: Final = re.compile(r"[!-~]{1,1024}")
_HOST: Final = re.compile(
    r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?|\[?[0-9a-f:.]*:[0-9a-f:.]*\]?", re.I
)


def endpoint(text: str) -> str:
    """Scheme, host, port and path, without a slash at the end; raises ValueError. The message has
    nothing of the text, which may hold a password."""
    text = text.strip()
    if "://" not in text:  # as ModelScope's own variable has it
        text = f"https://{text}"
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        host, port, url = None, None, urlsplit("")
    whole = _PLAIN.fullmatch(text) and "\\" not in text and _HOST.fullmatch(host or "")
    if not whole or url.scheme not in ("http", "https") or port == 0:
        raise ValueError("it must be an http or https URL, such as https://hub.example")
    if url.username is not None or url.password is not None or url.query or url.fragment:
        raise ValueError("it must be a URL without user, password, query and fragment")
    return text.rstrip("/")


def proxy_url(text: str) -> str:
    """The URL of an HTTP proxy; raises ValueError."""
    if not re.match(r"https?://", text):
        raise ValueError("it must be an http URL, such as http://proxy.example:3128")
    return endpoint(text)


def collector(text: str) -> str:
    """The URL of what takes OTLP over gRPC: without a path, which that has none of; raises
    ValueError."""
    if not re.match(r"https?://", text):
        raise ValueError("it must be an http or https URL, such as http://127.0.0.1:4317")
    told = endpoint(text)
    if urlsplit(told).path:
        raise ValueError("it must be a URL without a path, such as http://127.0.0.1:4317")
    return told


def host_name(text: str) -> str:
    """A name or an address alone; raises ValueError."""
    if not _HOST.fullmatch(text):
        raise ValueError(
            "each must be a name or an address alone, such as hub.internal or 10.0.0.7, without"
            " scheme, port, path or *"
        )
    return text


def cluster_address(text: str) -> str:
    """A host and a port; raises ValueError."""
    host, _, port = text.rpartition(":")
    right_port = re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 2**16
    if not right_port or not _HOST.fullmatch(host):
        raise ValueError("it must be a host and a port, such as 10.0.0.5:6379")
    return text
