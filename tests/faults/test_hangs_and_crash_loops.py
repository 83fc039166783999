"""A worker that hangs is replaced; a model that always crashes is left alone for a while."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from funland.v1.models_pb2 import GetModelRequest, LoadModelRequest, Model, UnloadModelRequest
from funland.v1.system_pb2 import GetHealthRequest, GetMetricsRequest
from tests.faults.gguf_files import with_number
from tests.faults.service import MODEL, Service, as_fault, chat, connect, endless, failure

if TYPE_CHECKING:
    from tests.conftest import StartStack
    from tests.faults.conftest import Install


async def test_a_stopped_worker_is_replaced_and_who_waited_is_answered(
    start_stack: StartStack,
) -> None:
    stack = start_stack(
        FUNLAND_SERVER__HANG_TIMEOUT_SECONDS="1", FUNLAND_SERVER__SLOTS="1"
    )  # fmt: skip
    async with connect(stack) as service:
        expected = await service.say()
        (worker,) = stack.workers()
        begun = service.inference.StreamChat(endless())
        async for event in begun:
            if event.HasField("delta"):
                break
        waiting = [asyncio.ensure_future(service.say()) for _ in range(3)]
        over_http = asyncio.ensure_future(
            service.http.post("/v1/completions", json={"prompt": "Once", "max_tokens": 2})
        )

        worker.send_signal(signal.SIGSTOP)

        async with asyncio.timeout(120):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                async for _ in begun:
                    pass
            assert as_fault(raised.value).reason == "WORKER_LOST"
            assert await asyncio.gather(*waiting) == [expected] * 3
            assert (await over_http).status == 200
        (other,) = stack.workers()
        assert other.pid != worker.pid


async def test_a_crash_loop_is_broken_off_and_seen(service: Service, install: Install) -> None:
    await install("crashes", with_number("llama.block_count", 1000))
    load = LoadModelRequest(model_id="crashes")
    for _ in range(2):  # the first loss costs no time
        assert (await failure(service.models.LoadModel(load))).reason == "MODEL_LOAD_FAILED"

    # At once, for the pause takes one second.
    body = {"model": "crashes", "prompt": "Once"}
    fault, response, model, health, metrics = await asyncio.gather(
        failure(service.inference.Chat(chat(model="crashes"))),
        service.http.post("/v1/completions", json=body),
        service.models.GetModel(GetModelRequest(model_id="crashes")),
        service.system.GetHealth(GetHealthRequest()),
        service.system.GetMetrics(GetMetricsRequest()),
    )

    assert (fault.code, fault.reason) == ("UNAVAILABLE", "MODEL_BACKING_OFF")
    assert fault.metadata == {"model": "crashes", "losses": "2"}
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert model.state == Model.BACKING_OFF
    assert model.HasField("retry_time")
    assert list(health.backing_off_models) == ["crashes"]
    assert 'funland_backing_off_until_seconds{model="crashes"} 1' in metrics.data.decode()
    assert await service.say(model=MODEL)

    await service.models.UnloadModel(UnloadModelRequest(model_id="crashes"))
    health = await service.system.GetHealth(GetHealthRequest())
    assert not health.backing_off_models
