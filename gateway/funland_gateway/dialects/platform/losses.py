"""`metrics/loss`: how the loss of a training run fell."""

from __future__ import annotations

import math
from typing import Any, Final

from funland.v1.training_pb2 import (
    ListTrainingMetricsRequest,
    ListTrainingMetricsResponse,
    TrainingCurve,
    TrainingStep,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.query import text, whole_number
from funland_gateway.dialects.rpcs import LIST_TRAINING_METRICS

EXPERIMENT: Final = text(
    "experiment_id", "A run's id or number. Left out: the newest that has a step."
)
STEPS: Final = whole_number("steps", "At most so many points.", 1, 10_000, 100)
_LOSSES: Final = ("initial_loss", "final_loss", "best_loss")


def get_losses(incoming: Incoming) -> Unary:
    """Asks for the curve of a run."""
    experiment = EXPERIMENT.of(incoming.query)
    request = ListTrainingMetricsRequest(
        run_ids=[experiment] if experiment else [], points=STEPS.of(incoming.query)
    )
    return Unary(LIST_TRAINING_METRICS, request, _answer, _field_name)


def _field_name(path: str) -> str:
    return "steps" if path == "points" else "experiment_id"


def _answer(found: ListTrainingMetricsResponse) -> Reply:
    curve = found.curves[0] if found.curves else TrainingCurve()
    return json_reply(
        {
            "experiment_id": curve.run_id or None,
            "experiment_name": curve.name or None,
            "total_steps": curve.steps_done,
            "metrics": {name: optional(curve, name) for name in _LOSSES},
            "data": [_point(step) for step in curve.steps],
        }
    )


def _point(step: TrainingStep) -> dict[str, Any]:
    """The contract's epoch is how much of all epochs was seen after the step; this one is which
    epoch the step was in, from 0."""
    return {"step": step.step, "loss": step.loss, "epoch": max(0, math.ceil(step.epoch) - 1)}
