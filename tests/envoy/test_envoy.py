"""Every wire goes through Envoy as it goes without."""

from __future__ import annotations

import base64
import ssl
import struct
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest
from openai import AsyncOpenAI

from funland.v1.inference_pb2 import GenerateRequest, GenerateResponse, SamplingParameters
from funland.v1.models_pb2 import ListModelsRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland_cli.certificate import self_signed
from funland_client import AsyncFunland
from funland_client.errors import ModelNotFoundError
from funland_gateway.app import (
    _CONTRACT,  # pyright: ignore[reportPrivateUsage] - the list of all services
)
from tests.conftest import StartStack
from tests.envoy.conftest import Front, envoy
from tools.envoy.config import Places, services

ASKED = {"prompt": "Hello!", "sampling": {"temperature": 0, "max_tokens": 8}}


def test_all_services_are_transcoded() -> None:
    names = [
        service.full_name
        for module in _CONTRACT
        for service in module.DESCRIPTOR.services_by_name.values()
    ]

    assert services() == sorted(names)


async def test_grpc_passes(front: Front) -> None:
    async with AsyncFunland(front.place) as client:
        whole = await client.generate("Hello!", temperature=0, max_tokens=8)
        parts = [
            part async for part in client.stream_generate("Hello!", temperature=0, max_tokens=8)
        ]
        with pytest.raises(ModelNotFoundError):
            await client.generate("Hello!", model="no-such-model")

    assert "".join(str(part) for part in parts)
    assert whole.text


async def test_native_rest_is_transcoded_and_its_streams_come_from_the_gateway(
    front: Front,
) -> None:
    async with aiohttp.ClientSession(front.url) as http:
        async with http.post("/funland/v1/generate", json=ASKED) as answer:
            assert answer.headers["content-type"] == "application/json"
            whole = await answer.json()
        accept = {"accept": "text/event-stream"}
        async with http.post("/funland/v1/generate:stream", json=ASKED, headers=accept) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = await answer.text()

    assert whole["text"]
    assert '"finish"' in events


async def test_errors_have_their_details(front: Front) -> None:
    async with aiohttp.ClientSession(front.url) as http:
        async with http.get("/funland/v1/models/no-such-model") as answer:
            missing, told = answer.status, await answer.json(content_type=None)
        async with http.get("/funland/v1/models", params={"unheard": "of"}) as answer:
            unknown = answer.status
        async with http.get("/funland/v1/no-such-path") as answer:
            nowhere = answer.status

    assert (missing, unknown, nowhere) == (404, 400, 404)
    assert "MODEL_NOT_FOUND" in str(told["details"])


async def test_foreign_apis_come_from_the_gateway(front: Front) -> None:
    async with AsyncOpenAI(base_url=f"{front.url}/v1", api_key="any", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="funland-tiny",
            messages=[{"role": "user", "content": "Hello!"}],
            temperature=0,
            stream=True,
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert text == "Hello! How can I help you today?"


async def test_grpc_web_passes(front: Front) -> None:
    request = GenerateRequest(
        prompt="Hello!", sampling=SamplingParameters(temperature=0, max_tokens=8)
    ).SerializeToString()
    frame = struct.pack(">BI", 0, len(request)) + request
    path = "/funland.v1.InferenceService/Generate"
    async with aiohttp.ClientSession(front.url) as http:
        headers = {"content-type": "application/grpc-web+proto"}
        async with http.post(path, data=frame, headers=headers) as answer:
            binary = await answer.read()
        headers = {
            "content-type": "application/grpc-web-text",
            "accept": "application/grpc-web-text",
        }
        async with http.post(path, data=base64.b64encode(frame), headers=headers) as answer:
            text = base64.b64decode((await answer.read())[: 4 * 64])

    flag, length = struct.unpack(">BI", binary[:5])
    assert flag == 0
    assert GenerateResponse.FromString(binary[5 : 5 + length]).text
    assert b"grpc-status:0" in binary[5 + length :]
    assert text[0] == 0


async def test_a_websocket_passes(front: Front) -> None:
    async with aiohttp.ClientSession(front.url) as http:
        async with http.post("/funland/v1/sessions", json={}) as answer:
            session: dict[str, Any] = await answer.json()
        path = f"/funland/v1/sessions/{session['session_id']}:converse"
        async with http.ws_connect(path, params={"open.after": "0"}) as live:
            first = await live.receive_json()

    assert first


async def test_what_is_asked_is_logged_without_what_is_secret(front: Front, tmp_path: Path) -> None:
    headers = {"authorization": "Bearer very-secret", "x-api-key": "very-secret"}
    with envoy(front.stack, tmp_path) as own:
        async with (
            aiohttp.ClientSession(own.url, headers=headers) as http,
            http.get("/funland/v1/models", params={"page_token": "very-secret"}) as answer,
        ):
            await answer.read()

    log = own.log.read_text()  # whole, for it has ended
    assert '"path":"/funland/v1/models"' in log
    assert "very-secret" not in log


async def test_over_tls_too(front: Front, tmp_path: Path) -> None:
    certificate, key = self_signed(["127.0.0.1"], timedelta(days=1))
    (tmp_path / "certificate.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    places = Places(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem")
    believed = ssl.create_default_context(cafile=str(places.certificate))
    with envoy(front.stack, tmp_path, places) as own:
        credentials = grpc.ssl_channel_credentials(certificate)
        async with grpc.aio.secure_channel(own.place, credentials) as channel:
            listed = await ModelServiceStub(channel).ListModels(ListModelsRequest())
        async with (
            aiohttp.ClientSession(f"https://{own.place}") as http,
            http.get("/funland/v1/models", ssl=believed) as answer,
        ):
            told = await answer.json()

    assert [model["model_id"] for model in told["models"]] == [
        model.model_id for model in listed.models
    ]


async def test_who_is_not_there_is_told_at_once(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack()
    with envoy(stack, tmp_path) as own:
        stack.stop()
        async with aiohttp.ClientSession(own.url) as http:
            async with http.get("/funland/v1/models") as server:
                await server.read()
            async with http.get("/v1/models") as gateway:
                await gateway.read()

    assert (server.status, gateway.status) == (503, 503)
