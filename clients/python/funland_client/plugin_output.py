"""Reads what plugins give."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from funland.v1.plugins_pb2 import PluginExecution


@dataclass(frozen=True, slots=True)
class PluginOutput:
    """What a plugin did; all but its output is in `execution`."""

    execution: PluginExecution

    @property
    def output(self) -> dict[str, Any]:
        """Its output."""
        return json.loads(self.execution.output) if self.execution.output else {}
