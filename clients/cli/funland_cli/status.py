"""`funland status` and `funland ps`: what the server does now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import typer

from funland.v1.models_pb2 import LoadSettings, Model
from funland.v1.system_pb2 import Health, Performance, SystemStatus
from funland_cli import options
from funland_cli.documents import document
from funland_cli.output import size, span
from funland_cli.views import devices, leases, loading, unloads, word

_PRESENT: Final = (Model.LOADING, Model.LOADED)
_COLUMNS: Final = (
    *("MODEL", "ENGINE", "DEVICE", ">MEMORY", ">EXPECTED", ">CONTEXT", ">ACTIVE", ">WAITING"),
    *(">RESTARTS", "UP", "KEPT BY", "UNLOADS"),
)


def status(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Show what the server is and what it does now."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        now = client.system.status()
    if session.output.as_json:
        backing_off = {"backing_off_models": list(now.backing_off_models)}
        session.output.document(document(now) | backing_off)
    else:
        session.output.pairs(_pairs(session.address, now))


def ps(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """List the models that are in memory, and those on their way there.

    The processes of deployments are shown by `funland deployments`.
    """
    session = options.session(context, server, as_json)
    with session.client() as client:
        models = [model for model in client.models.list() if model.state in _PRESENT]
    if session.output.as_json:
        session.output.document({"models": [document(model) for model in models]})
        return
    loaded = [model for model in models if model.state == Model.LOADED]
    session.output.table(_COLUMNS, (_row(model, datetime.now(UTC)) for model in loaded))
    for model in models:
        if model.state == Model.LOADING:
            session.output.line(f"{model.model_id}: {loading(model.loading)}")


def _pairs(address: str, now: SystemStatus) -> Iterator[tuple[str, str]]:
    memory = now.memory
    yield "server", address
    yield "state", Health.State.Name(now.state).lower()
    yield "version", now.version
    yield "up", span(now.uptime.ToTimedelta().total_seconds())
    yield "calls", f"{now.active_calls} active"
    yield "models", f"{now.installed_models} installed, {len(now.loaded_models)} in memory"
    yield "backing off", ", ".join(now.backing_off_models)
    yield "memory", f"{size(memory.available_bytes)} of {size(memory.total_bytes)} free"
    yield "server's own", size(now.server_memory_bytes)
    if now.HasField("performance"):
        yield "generations", _performance(now.performance)


def _performance(took: Performance) -> str:
    seconds = took.mean_duration.ToTimedelta().total_seconds()
    pace = f", {took.tokens_per_second:.1f} tokens/s" if took.HasField("tokens_per_second") else ""
    return f"{took.generations}, {seconds:.2f} s on average{pace}"


def _row(model: Model, now: datetime) -> tuple[str, ...]:
    loaded = model.loaded
    since = loaded.load_time.ToDatetime(tzinfo=UTC)
    return (
        model.model_id,
        word(LoadSettings.Engine, loaded.engine) if loaded.engine else "",
        devices(loaded),
        size(loaded.memory_bytes),
        size(loaded.estimate_bytes),
        str(loaded.context_length),
        f"{loaded.active_sequences}/{loaded.slots}",
        str(loaded.waiting_sequences),
        str(loaded.restarts),
        span((now - since).total_seconds()),
        leases(loaded),
        unloads(loaded, now),
    )
