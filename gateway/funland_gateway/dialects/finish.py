"""The finish reasons in the words that dialects share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.inference_pb2 import Finish

FINISH_REASONS: Final[Mapping[int, str]] = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "tool_calls",
}
