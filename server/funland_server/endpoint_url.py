"""Reads the URL of a hub, as settings have it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_PLAIN: Final = re.compile(r"[!-~]{1,1024}")


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
    whole = _PLAIN.fullmatch(text) and "\\" not in text
    if not whole or url.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError("it must be an http or https URL, such as https://hub.example")
    if url.username is not None or url.password is not None or url.query or url.fragment:
        raise ValueError("it must be a URL without user, password, query and fragment")
    return text.rstrip("/")
