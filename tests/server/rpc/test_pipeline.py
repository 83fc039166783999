"""What every call passes: rules, deadlines, counts, and errors that tell no secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from google.rpc import code_pb2, error_details_pb2

from funland.v1 import deployments_pb2, models_pb2, system_pb2
from funland_server.metrics import Metrics
from funland_server.models.errors import ModelNotFoundError
from funland_server.rpc.pipeline import Call, CallFailed, Method, Pipeline
from tests.server.conftest import METHODS, until

GET = models_pb2.GetModelRequest(model_id="m")
CALL = Call("call-1", None)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def pipeline(metrics: Metrics) -> Pipeline:
    return Pipeline(metrics)


def get_model(handler: Callable[[Any], Any]) -> Method:
    return Method(METHODS["GetModel"], handler)


async def forever(_: Any) -> Any:
    await asyncio.Event().wait()


async def failure(
    pipeline: Pipeline, method: Method, request: Any, call: Call = CALL
) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        await pipeline.unary(method, request, call)
    return raised.value


def detail(failed: CallFailed, kind: type[Any]) -> Any:
    for packed in failed.status.details:
        message = kind()
        if packed.Unpack(message):
            return message
    raise AssertionError(f"no {kind.__name__} in {failed.status}")


def reason(failed: CallFailed) -> str:
    return detail(failed, error_details_pb2.ErrorInfo).reason


def calls(metrics: Metrics, code: str, rpc: str = "ModelService.GetModel") -> float | None:
    return metrics.registry.get_sample_value("funland_calls_total", {"rpc": rpc, "code": code})


async def test_an_answer_passes(pipeline: Pipeline, metrics: Metrics) -> None:
    async def answer(request: models_pb2.GetModelRequest) -> models_pb2.Model:
        assert pipeline.active == 1
        return models_pb2.Model(model_id=request.model_id)

    assert (await pipeline.unary(get_model(answer), GET, CALL)) == models_pb2.Model(model_id="m")
    assert pipeline.active == 0
    assert calls(metrics, "OK") == 1


async def test_what_a_gateway_holds_open_is_no_call_that_is_being_answered(
    pipeline: Pipeline, metrics: Metrics
) -> None:
    async def watch(_: Any) -> AsyncGenerator[Any]:
        yield deployments_pb2.DeploymentEvent()
        await forever(None)

    method = Method(METHODS["WatchDeployments"], watch)
    stream = pipeline.stream(method, deployments_pb2.WatchDeploymentsRequest(), CALL)
    await anext(stream)

    assert pipeline.active == 0
    assert metrics.registry.get_sample_value("active_connections") == 0
    await stream.aclose()
    assert pipeline.active == 0
    assert calls(metrics, "CANCELLED", "DeploymentService.WatchDeployments") == 1


async def test_an_error_of_the_domain_keeps_its_words(pipeline: Pipeline, metrics: Metrics) -> None:
    async def refuse(_: Any) -> Any:
        raise ModelNotFoundError("m")

    failed = await failure(pipeline, get_model(refuse), GET)

    info = detail(failed, error_details_pb2.ErrorInfo)
    assert failed.status.code == code_pb2.NOT_FOUND
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "MODEL_NOT_FOUND",
        "funland",
        {"model": "m"},
    )
    assert detail(failed, error_details_pb2.RequestInfo).request_id == "call-1"
    assert calls(metrics, "NOT_FOUND") == 1


async def test_a_broken_rule_names_its_field_before_anything_runs(pipeline: Pipeline) -> None:
    ran = False

    async def run(_: Any) -> Any:
        nonlocal ran
        ran = True

    failed = await failure(pipeline, get_model(run), models_pb2.GetModelRequest())

    (violation,) = detail(failed, error_details_pb2.BadRequest).field_violations
    assert violation.field == "model_id"
    assert reason(failed) == "FIELD_INVALID"
    assert not ran


async def test_a_defect_is_internal_and_tells_only_an_id(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    async def break_down(_: Any) -> Any:
        raise ValueError("the secret path")

    failed = await failure(pipeline, get_model(break_down), GET)

    error_id = detail(failed, error_details_pb2.ErrorInfo).metadata["error_id"]
    assert failed.status.code == code_pb2.INTERNAL
    assert error_id in failed.status.message
    assert b"secret" not in failed.status.SerializeToString()
    logged = capsys.readouterr().out
    assert error_id in logged
    assert "the secret path" in logged


async def test_a_deadline_ends_a_call(pipeline: Pipeline, metrics: Metrics) -> None:
    failed = await failure(pipeline, get_model(forever), GET, Call("1", 0.01))

    assert failed.status.code == code_pb2.DEADLINE_EXCEEDED
    assert reason(failed) == "DEADLINE_PASSED"
    assert calls(metrics, "DEADLINE_EXCEEDED") == 1


async def test_a_timeout_within_is_not_the_callers_deadline(pipeline: Pipeline) -> None:
    async def time_out(_: Any) -> Any:
        raise TimeoutError

    failed = await failure(pipeline, get_model(time_out), GET, Call("1", 60))

    assert reason(failed) == "INTERNAL_ERROR"


async def test_a_cancelled_call_is_counted_and_over(pipeline: Pipeline, metrics: Metrics) -> None:
    task = asyncio.create_task(pipeline.unary(get_model(forever), GET, CALL))
    await until(lambda: pipeline.active == 1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert pipeline.active == 0
    assert calls(metrics, "CANCELLED") == 1


class Watched:
    """A stream that tells whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    async def __call__(self, _: Any) -> AsyncGenerator[models_pb2.ModelEvent]:
        try:
            yield models_pb2.ModelEvent(deleted_model_id="m")
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_a_deadline_ends_a_stream_and_closes_it(pipeline: Pipeline) -> None:
    watched = Watched()
    method = Method(METHODS["WatchModels"], watched)
    stream = pipeline.stream(method, models_pb2.WatchModelsRequest(), Call("1", 0.05))
    assert (await anext(stream)).deleted_model_id == "m"  # type: ignore[attr-defined]  # a ModelEvent

    with pytest.raises(CallFailed) as raised:
        await anext(stream)

    assert reason(raised.value) == "DEADLINE_PASSED"
    assert watched.closed
    assert pipeline.active == 0


async def test_a_closed_stream_is_over(pipeline: Pipeline, metrics: Metrics) -> None:
    watched = Watched()
    method = Method(METHODS["WatchModels"], watched)
    stream = pipeline.stream(method, models_pb2.WatchModelsRequest(), CALL)
    await anext(stream)
    assert pipeline.active == 1

    await stream.aclose()

    assert watched.closed
    assert pipeline.active == 0
    assert calls(metrics, "CANCELLED", "ModelService.WatchModels") == 1


async def test_a_stopping_server_answers_probes_only(pipeline: Pipeline) -> None:
    async def health(_: Any) -> system_pb2.Health:
        return system_pb2.Health()

    await pipeline.drain(0)

    failed = await failure(pipeline, get_model(forever), GET)
    assert reason(failed) == "SERVER_STOPPING"
    probe = Method(METHODS["GetHealth"], health)
    assert await pipeline.unary(probe, system_pb2.GetHealthRequest(), CALL)


async def test_draining_waits_for_calls_under_way(pipeline: Pipeline) -> None:
    go = asyncio.Event()

    async def answer(_: Any) -> models_pb2.Model:
        await go.wait()
        return models_pb2.Model()

    call = asyncio.create_task(pipeline.unary(get_model(answer), GET, CALL))
    await until(lambda: pipeline.active == 1)
    draining = asyncio.create_task(pipeline.drain(60))
    await until(lambda: pipeline.stopping)
    assert not draining.done()

    go.set()

    await draining
    assert call.done()
