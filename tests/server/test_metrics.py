"""There are never more series than RPCs, codes and installed models allow."""

from __future__ import annotations

import pytest

from funland.v1 import inference_pb2, models_pb2, system_pb2
from funland.worker.v1.worker_pb2 import SequenceEvent, Step
from funland_server.app import Server
from funland_server.metrics import Metrics
from tests.server.conftest import METHODS, call

STEP = Step(
    decoded_sequences=2,
    active_sequences=2,
    waiting_sequences=5,
    cached_tokens=70,
)


def value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"model": "m"})


def test_a_step_is_counted() -> None:
    metrics = Metrics()

    metrics.steps("m", "m")(STEP, 3)

    assert value(metrics, "funland_completion_tokens_total") == 3
    assert value(metrics, "funland_batch_size_sum") == 2
    assert value(metrics, "funland_active_sequences") == 2
    assert value(metrics, "funland_queue_depth") == 5
    assert value(metrics, "funland_cached_tokens") == 70


def test_a_step_about_one_sequence_changes_no_gauge() -> None:
    metrics = Metrics()
    count = metrics.steps("m", "m")
    count(STEP, 3)

    count(Step(events=[SequenceEvent(sequence_id=3)]), 0)

    assert value(metrics, "funland_active_sequences") == 2
    assert value(metrics, "funland_batch_size_count") == 1


def test_an_ended_worker_has_no_sequences() -> None:
    metrics = Metrics()
    metrics.steps("m", "m")(STEP, 3)

    metrics.worker_ended("m", "m")

    assert value(metrics, "funland_active_sequences") == 0
    assert value(metrics, "funland_queue_depth") == 0
    assert value(metrics, "funland_cached_tokens") == 0


def test_a_deleted_model_leaves_no_series() -> None:
    metrics = Metrics()
    empty = metrics.text()
    metrics.steps("m", "m")(STEP, 3)
    metrics.inference_seconds.labels("m").observe(1)
    metrics.evictions.labels("m").inc()
    metrics.backs_off("m", 1.5)
    assert metrics.text() != empty

    metrics.forget("m")
    metrics.forget("never used")

    assert metrics.text() == empty


async def test_what_callers_send_never_becomes_a_label(server: Server) -> None:
    for name in ("nobody", "anybody", "funland-tiny"):
        request = inference_pb2.TokenizeRequest(model=name, text="a")
        if name == "funland-tiny":
            await call(server, "Tokenize", request)
            continue
        with pytest.raises(Exception, match="not installed"):
            await call(server, "Tokenize", request)
    await call(server, "GetModel", models_pb2.GetModelRequest(model_id="funland-tiny"))

    body = await call(server, "GetMetrics", system_pb2.GetMetricsRequest())

    text = body.data.decode()
    assert 'rpc="InferenceService.Tokenize",code="NOT_FOUND"' in text.replace(
        'code="NOT_FOUND",rpc="InferenceService.Tokenize"',
        'rpc="InferenceService.Tokenize",code="NOT_FOUND"',
    )
    assert "nobody" not in text
    assert METHODS["GetModel"].name in text
