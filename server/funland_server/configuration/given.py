"""Settings as they were given, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

from funland.v1.system_pb2 import Setting


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given, and where."""

    value: Any
    origin: Setting.Origin.ValueType
    name: str
    """The variable, the flag or the file."""


Layer: TypeAlias = Mapping[str, Given]
"""Settings of one source by their names, such as `server.port`."""

Sections: TypeAlias = Mapping[str, type[BaseModel]]
"""What can be set: a frozen model that forbids extras for each table of the file, by its name."""


class WrongSettingsError(Exception):
    """Settings are wrong or unknown. Nothing here has a value of them, which may be secret."""

    def __init__(self, wrong: Mapping[str, str], message: str, hint: str = "") -> None:
        """`wrong` says why by the settings' names, or of the whole file by an empty one; `message`
        also says where each came from."""
        super().__init__(message)
        self.wrong = wrong
        self.message = message
        self.hint = hint
