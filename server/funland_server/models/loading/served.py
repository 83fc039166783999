"""Names that something else than the model's own worker answers to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from funland_server.workers.callee import Callee

Serve: TypeAlias = Callable[[], Awaitable[Callee]]
"""Gives what answers now; raises FunlandError where nothing does."""


@dataclass(frozen=True, slots=True)
class Served:
    """What answers to a name."""

    by: Serve
    model_id: str
    """The model that it is."""


class ServedNames:
    """Who is asked first for whom a call names. Names go before those of installed models."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}

    def serve(self, name: str, by: Serve, model_id: str) -> None:
        """Lets calls of a name be answered by another."""
        self._served[name] = Served(by, model_id)

    def end(self, name: str) -> None:
        """Lets them be answered by the model of that name again, if there is one."""
        self._served.pop(name, None)

    def find(self, name: str) -> Served | None:
        """What answers to a name, if it is nobody's worker."""
        return self._served.get(name)
