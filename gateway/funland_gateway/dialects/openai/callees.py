"""What callers call the functions that the model is told of, if it is another name or kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from funland.v1.inference_pb2 import Tool

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # as `Tool.name` must be

Key = tuple[str, str]
"""A namespace, or an empty text, and a name in it."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A function as its caller knows it."""

    name: str
    namespace: str = ""
    free_form: bool = False


Callees = Mapping[str, Callee]
"""By the names that the model is told; without those that are plain functions of that name."""


def callees(tools: Iterable[Tool]) -> Callees:
    """The functions of a request."""
    return {
        tool.name: Callee(_bare(tool), tool.namespace, tool.free_form)
        for tool in tools
        if tool.namespace or tool.free_form
    }


def callee(known: Callees, name: str) -> Callee:
    """The function that the model calls by a name."""
    return known.get(name) or Callee(name)


def told_name(key: Key) -> str:
    """What the model is told for a function that collides with no other.

    It depends on nothing but the function, so that in the next turn it is the same.
    """
    namespace, name = key
    if not namespace:
        return name
    joined = _joined(namespace) + name
    return joined if _NAME.fullmatch(joined) else _hashed(namespace) + name


def told_names(keys: Iterable[Key]) -> Mapping[Key, str]:
    """What the model is told for the functions of a request, whatever their order."""
    distinct = set(keys)
    often = Counter(told_name(key) for key in distinct)
    return {
        (namespace, name): _hashed(namespace) + name
        if namespace and often[told_name((namespace, name))] > 1
        else told_name((namespace, name))
        for namespace, name in distinct
    }


def _bare(tool: Tool) -> str:
    if tool.namespace:
        for prefix in (_joined(tool.namespace), _hashed(tool.namespace)):
            if tool.name.startswith(prefix):
                return tool.name.removeprefix(prefix)
    return tool.name


def _joined(namespace: str) -> str:
    return namespace if namespace.endswith("__") else f"{namespace}__"


def _hashed(namespace: str) -> str:
    return f"{sha256(namespace.encode()).hexdigest()[:8]}__"
