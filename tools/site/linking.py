"""Decides where a link of a document leads on the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Final

from tools.site.plan import ROOT_PAGES

_FENCED: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(\[[^\]]*\]\()([^()\s]+)(\))")
_ELSEWHERE: Final = re.compile(r"[a-z]+:|#")


def page_of(path: str) -> str:
    """Where a file or folder of the repository is on the site, by its path from the root.

    Documents are pages; the contract's files have pages that are made of them; what else a document
    leads to is shown as it is.
    """
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path in ("proto", "proto/funland/v1"):
        return "contract/index.md"
    if path.startswith("proto/funland/v1/") and path.endswith(".proto"):
        return f"contract/{posixpath.basename(path).removesuffix('.proto')}.md"
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def relinked(text: str, path: str, met: Callable[[str], None]) -> str:
    """A document with the links of its page; `met` is told each path that they lead to."""

    def leading(found: re.Match[str]) -> str:
        link = found[2]
        if _ELSEWHERE.match(link):
            return found[0]
        target, mark, heading = link.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        met(there)
        own = posixpath.dirname(page_of(path)) or "."
        return f"{found[1]}{posixpath.relpath(page_of(there), own)}{mark}{heading}{found[3]}"

    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(leading, part) for part in parts)
