"""What is known of a model's memory, and how a table has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from tools.zoo.allocations import Allocated

_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a model, in bytes."""

    architecture: str
    weights: int
    cache: int
    compute: int
    process: int
    estimate: int
    worker: int
    """The most that the worker had at once."""
    helpers: int
    """The same of the processes that it has started."""
    told: Allocated

    @property
    def measured(self) -> int:
        """All together."""
        return self.worker + self.helpers

    @property
    def ratio(self) -> float:
        """The estimate as a part of what was measured."""
        return self.estimate / self.measured

    @property
    def rest(self) -> int:
        """What there is beside what llama.cpp told of."""
        told = self.told
        return self.measured - told.weights - told.keys_and_values - told.states - told.compute


ROWS: Final = TypeAdapter(Row)

HEAD = (
    "| Architecture | Weights | Keys and values, states | Buffers of a pass | The processes"
    " | Together | Worker, and its helpers | Estimated / measured |\n"
    "|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """A line of a table: each part as it was estimated, and as llama.cpp told of it."""

    def pair(estimated: int, told: int) -> str:
        return f"{estimated / _MIB:.0f}, {told / _MIB:.0f}"

    cells = [
        f"`{row.architecture}`",
        pair(row.weights, row.told.weights),
        pair(row.cache, row.told.keys_and_values + row.told.states),
        pair(row.compute, row.told.compute),
        pair(row.process, row.rest),
        f"{row.estimate / _MIB:.0f}",
        f"{row.worker / _MIB:.0f} + {row.helpers / _MIB:.0f}",
        f"{row.ratio:.2f}",
    ]
    return f"| {' | '.join(cells)} |"
