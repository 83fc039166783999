"""Models are told of in words, those of later versions included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.inference_pb2 import Loading
from funland.v1.models_pb2 import Adapter, Lease, LoadedModel, LoadSettings, Model
from funland_cli.views import all_of, engine, leases, loading, queue, state, unloads

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(NOW + timedelta(seconds=seconds))
    return time


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Model(state=Model.LOADED), "loaded"),
        (Model(state=Model.BACKING_OFF, retry_time=after(90)), "backing_off, again in 1 min 30 s"),
        (Model(state=Model.BACKING_OFF, retry_time=after(-5)), "backing_off, again in 0 s"),
    ],
)
def test_states(model: Model, said: str) -> None:
    assert state(model, NOW) == said


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (LoadedModel(engine=LoadSettings.OPENVINO, device="GPU.0"), "openvino, GPU.0"),
        (LoadedModel(device="CPU"), "CPU"),
        (LoadedModel(), ""),
    ],
)
def test_engines(loaded: LoadedModel, said: str) -> None:
    assert engine(loaded) == said


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (LoadedModel(unload_time=after(240)), "in 4 min"),
        (LoadedModel(active_sequences=1), "busy"),
        (LoadedModel(leases=[Lease(kind=Lease.CALLS, count=1)]), "busy"),
        (LoadedModel(), "never"),
    ],
)
def test_when_a_model_is_unloaded(loaded: LoadedModel, said: str) -> None:
    assert unloads(loaded, NOW) == said


@pytest.mark.parametrize(
    ("kept_by", "said"),
    [
        ([], ""),
        ([Lease(kind=Lease.CALLS, count=1)], "1 call"),
        ([Lease(kind=Lease.PIN), Lease(kind=Lease.CALLS, count=2)], "a pin, 2 calls"),
        ([Lease(kind=Lease.DEPLOYMENT, holder="deploy_1")], "deployment deploy_1"),
        ([Lease(), Lease(kind=Lease.PIN)], "a pin"),  # one of a kind of a later version
    ],
)
def test_what_keeps_a_model(kept_by: list[Lease], said: str) -> None:
    assert leases(LoadedModel(leases=kept_by)) == said


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Loading(), "loading"),
        (Loading(stage=Loading.WAITING), "waits for memory"),
        (
            Loading(stage=Loading.WAITING, waiting_for="a has 2 calls"),
            "waits for memory: a has 2 calls",
        ),
        (Loading(stage=Loading.READING, fraction=0.425), "reading 42 %"),
        (Loading(stage=Loading.READING), "reading"),
    ],
)
def test_how_far_a_load_is(told: Loading, said: str) -> None:
    assert loading(told) == said


def test_what_a_model_runs_with_is_told_only_when_it_is_loaded() -> None:
    loaded = LoadedModel(
        slots=4, context_length=512, waiting_sequences=2, queue_limit=9, memory_bytes=10**9
    )
    model = Model(model_id="m", adapters=[Adapter(adapter_id="a"), Adapter(adapter_id="b")])
    at_rest = dict(all_of(model, NOW))
    model.loaded.CopyFrom(loaded)
    running = dict(all_of(model, NOW))

    assert at_rest["adapters"] == "a, b"
    assert "runs with" not in at_rest
    assert running["runs with"] == "512 tokens, 4 slots"
    assert running["memory"] == "1.0 GB"
    assert queue(loaded) == "2/9"
