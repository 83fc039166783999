"""How far a load is, as callers see it."""

from __future__ import annotations

from funland.v1.inference_pb2 import Loading
from funland_server.models.installed.model import InstalledModel
from funland_server.workers.loading import Standing


def loading_to_wire(standing: Standing, elapsed_ms: float, model: InstalledModel) -> Loading:
    """How far a model's load is; in bytes only if its engine tells how much it has read."""
    total = model.fingerprint.size_bytes
    loading = Loading(
        model=model.model_id,
        stage=standing.stage,
        total_bytes=total,
        waiting_for=standing.waiting_for,
        waiting_for_models=standing.waiting_for_models,
        elapsed_ms=elapsed_ms,
    )
    if standing.fraction is not None:
        loading.fraction = standing.fraction
        loading.done_bytes = round(standing.fraction * total)
    return loading
