"""How the batches of a server are: decisions alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from funland.v1.batches_pb2 import Batch
from funland.v1.system_pb2 import PartHealth
from funland_server.domain import Health


def judge(unended: Iterable[Batch], *, settles: bool, endpoints: Collection[str]) -> Health:
    """`settles` says whether the server looks after its batches, `endpoints` which lines of theirs
    it can answer."""
    if not settles:
        return Health(
            PartHealth.FAILED,
            "Batches that are cancelled, or whose time is over, do not end any more: the log says"
            " why. Start the server anew.",
        )
    lacking = sorted({batch.endpoint for batch in unended if batch.endpoint not in endpoints})
    if lacking:
        return Health(
            PartHealth.DEGRADED,
            f"Batches wait whose lines are for {', '.join(lacking[:8])}, which this server does not"
            " answer: start it by `funland serve`, with its gateway, or cancel them.",
        )
    return Health()
