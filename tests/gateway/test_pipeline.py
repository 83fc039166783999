"""Every request leaves one line in the log, and a defect tells nobody its insides."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest
import structlog

from funland.v1.inference_pb2 import Delta, GenerationEvent
from funland.v1.models_pb2 import Model
from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers


def request_lines(logs: list[Any]) -> list[dict[str, Any]]:
    return [line for line in logs if line["event"] == "request"]


async def test_a_request_leaves_one_line_without_its_contents(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def get(_: Any, __: Any) -> Model:
        return Model(model_id="tiny")

    answers["GetModel"] = get

    with structlog.testing.capture_logs() as logs:
        headers = {"x-request-id": "abc", "authorization": "Bearer secret"}
        async with http.get("/funland/v1/models/tiny", headers=headers) as response:
            await response.read()

    (line,) = request_lines(logs)
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/funland/v1/models/{model_id}",
        "status": 200,
        "request_id": "abc",
    }


async def test_a_path_that_is_not_there_has_no_route_in_the_log(
    http: aiohttp.ClientSession,
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with http.get("/secret/path"):
            pass

    (line,) = request_lines(logs)
    assert (line["route"], line["status"]) == (None, 404)


class BrokenChannel:
    """A way to the server that has a defect."""

    async def check(self, *_: Any, **__: Any) -> tuple[()]:
        return ()

    async def unary(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret")

    collect = unary

    @asynccontextmanager
    async def stream(self, *_: Any, **__: Any) -> AsyncGenerator[AsyncIterator[Any]]:
        async def events() -> AsyncGenerator[Any]:
            yield GenerationEvent(delta=Delta(text="a"))
            raise RuntimeError("the secret")

        yield events()

    converse = stream


@pytest.mark.parametrize("path", ["/funland/v1/chat", "/funland/v1/chat:stream"])
async def test_a_defect_is_an_internal_error_with_an_id(path: str) -> None:
    gateway = Gateway(BrokenChannel(), GatewaySettings(port=0))
    await gateway.start()

    with structlog.testing.capture_logs() as logs:
        async with (
            aiohttp.ClientSession(gateway.url) as http,
            http.post(path, json={}) as response,
        ):
            text = await response.text()
    await gateway.stop(0.01)

    error = orjson.loads(text.strip().splitlines()[-1].removeprefix("data: "))["error"]
    assert error["reason"] == "INTERNAL_ERROR"
    assert "secret" not in text
    assert response.status == (200 if path.endswith("stream") else 500)
    (line,) = [line for line in logs if line["event"] == "unforeseen"]
    assert line["error_id"] == error["metadata"]["error_id"]
    assert "secret" in str(line["exc_info"])
