"""What loaded models take of the memories of the machine and its devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Taken:
    """What Funland's own models have, in bytes; that of devices by their ids."""

    machine_available: int
    """What a model can take of the machine's memory, all that are idle unloaded."""
    held: Mapping[str, int] = field(default_factory=dict[str, int])
    """What all that are loaded have."""
    staying: Mapping[str, int] = field(default_factory=dict[str, int])
    """What those have that would stay, and what is promised to those that are being loaded."""
    idle: Mapping[str, int] = field(default_factory=dict[str, int])
    """What those have that would leave."""
