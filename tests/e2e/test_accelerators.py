"""A model on a device answers as on the CPU, over the whole service, and comes back there."""

from __future__ import annotations

import asyncio

import grpc.aio

from funland.v1.hardware_pb2 import ListDevicesRequest
from funland.v1.hardware_pb2_grpc import HardwareServiceStub
from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.models_pb2 import GetModelRequest, LoadedModel, LoadModelRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from tests import lavapipe
from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
HELLO = ChatRequest(
    messages=[Message(role=Message.USER, content="Hello!")],
    sampling=SamplingParameters(temperature=0, max_tokens=8),
)
_SECONDS = 240.0
"""A program that plays a GPU compiles the first pass, on a busy machine."""


async def test_a_model_is_loaded_on_a_device_killed_and_comes_back_there(
    start_stack: StartStack, stack: Stack
) -> None:
    right = await said(stack)
    own = start_stack(**lavapipe.environment())
    async with asyncio.timeout(_SECONDS), grpc.aio.insecure_channel(own.grpc_address) as channel:
        devices = HardwareServiceStub(channel)
        models = ModelServiceStub(channel)
        gpu = ""
        while not gpu:  # the engines are asked beside the start
            listed = await devices.ListDevices(ListDevicesRequest(refresh=True))
            gpu = next((one.device_id for one in listed.devices if one.emulated), "")
        load = LoadModelRequest(model_id=MODEL)
        load.settings.device_ids.append(gpu)
        placed = (await models.LoadModel(load)).loaded
        assert_on(placed, gpu)
        assert await said(own) == right

        own.workers()[0].kill()
        while True:  # the call that comes just then is lost with it
            try:
                again = await said(own)
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
            else:
                break

        assert again == right
        loaded = (await models.GetModel(GetModelRequest(model_id=MODEL))).loaded
        assert_on(loaded, gpu)
        assert loaded.restarts == 1


def assert_on(loaded: LoadedModel, gpu: str) -> None:
    assert list(loaded.device_ids) == [gpu]
    assert loaded.gpu_layers == loaded.layer_count
    assert [(one.device_id, one.bytes > 0) for one in loaded.device_memory] == [(gpu, True)]
    assert not loaded.fallback_reason


async def said(stack: Stack) -> str:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        answer = await InferenceServiceStub(channel).Chat(HELLO)
        return answer.message.content
