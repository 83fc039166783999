"""Installs a model in a running service and loads it as a measurement wants it."""

from __future__ import annotations

from pathlib import Path

from funland_client import Funland
from tools.bench.services import Service


def install(service: Service, model: Path, *, slots: int, context_length: int) -> str:
    """The id of the model, loaded with these settings and no call in it."""
    model_id = model.stem.lower()
    with Funland(service.grpc, timeout=300) as client:
        if model_id in {known.model_id for known in client.models.list()}:
            client.models.unload(model_id)
        else:
            client.models.import_file(model, model_id)
        client.models.load(model_id, slots=slots, context_length=context_length)
    return model_id
