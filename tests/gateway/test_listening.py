"""A dialect has a port of its own, where nothing else answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from funland.v1.system_pb2 import Health, SystemStatus
from funland_gateway.config import GatewaySettings
from funland_gateway.listening import Place, read_place

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("5000=manager", Place("", 5000, "manager")),
        (" 0=hellovm ", Place("", 0, "hellovm")),
        ("127.0.0.2:5000=openai", Place("127.0.0.2", 5000, "openai")),
        ("localhost:65535=inference", Place("localhost", 65535, "inference")),
        ("[::1]:5000=manager", Place("::1", 5000, "manager")),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert read_place(text) == place
    assert GatewaySettings.model_validate({"listen": [text]}).listen == (place,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("manager", "write PORT=DIALECT"),
        ("5000", "write PORT=DIALECT"),
        ("5000:manager", "write PORT=DIALECT"),
        ("65536=manager", "write PORT=DIALECT"),
        ("-1=manager", "write PORT=DIALECT"),
        ("a:b:5000=manager", "write PORT=DIALECT"),
        ("5000=ghost", "no 'ghost', but openai, inference, hellovm, manager, platform, scheduler"),
        ("5000=", "no '', but openai"),
        ("0.0.0.0:5000=manager", "'0.0.0.0' is not a loopback address"),
        ("example.com:5000=manager", "is not a loopback address"),
    ],
)
def test_what_is_no_place_is_told_how_to_write_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="listen") as caught:
        GatewaySettings.model_validate({"listen": [text]})

    assert said in str(caught.value)


def test_two_dialects_have_two_ports() -> None:
    with pytest.raises(ValueError, match="port 5000 is there twice"):
        GatewaySettings.model_validate({"listen": ["5000=manager", "5000=hellovm"]})


@pytest.fixture
def status(answers: Answers) -> None:
    async def get_status(_: Any, __: Any) -> SystemStatus:
        return SystemStatus(state=Health.SERVING, version="0.1.0")

    async def get_health(_: Any, __: Any) -> Health:
        return Health(state=Health.SERVING)

    answers["GetStatus"], answers["GetHealth"] = get_status, get_health


async def get(url: str, path: str, **headers: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(url) as http, http.get(path, headers=headers) as response:
        return response.status, await response.json()


@pytest.mark.usefixtures("status")
async def test_only_the_dialect_answers_there_in_its_own_shapes(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(listen=("0=manager", "0=hellovm"))
    common, manager, hellovm = [port.url for port in gateway.ports]

    assert (await get(manager, "/health"))[1] == {
        "status": "healthy",
        "service": "llm-manager-api",
        "version": "0.1.0",
    }
    assert "memory_usage" in (await get(common, "/health"))[1]
    for path in ("/funland/v1/health", "/v1/models", "/api/v1/downloads", "/metrics"):
        code, body = await get(manager, path)
        assert (code, body["error"]) == (404, "ROUTE_NOT_FOUND")
    code, body = await get(hellovm, "/health")
    assert (code, body["error"]["type"]) == (404, "not_found")


async def test_its_document_is_of_the_dialect_alone(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(listen=("0=manager",))

    _, document = await get(gateway.ports[1].url, "/openapi.json")

    tags = {
        tag for path in document["paths"].values() for one in path.values() for tag in one["tags"]
    }
    assert tags == {"manager"}
    assert set(document["paths"]["/ws/downloads"]["get"]["responses"]) == {"101", "default"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.nip.io"])
async def test_it_is_guarded_as_the_common_port(start_gateway: StartGateway, host: str) -> None:
    gateway = await start_gateway(listen=("0=manager",))

    code, body = await get(gateway.ports[1].url, "/api/health", Host=host)

    assert (code, body["error"]) == (403, "HOST_NOT_ALLOWED")


@pytest.mark.usefixtures("status")
async def test_it_answers_to_its_own_address(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(listen=("127.0.0.2:0=manager",))

    assert gateway.ports[1].url.startswith("http://127.0.0.2:")
    assert (await get(gateway.ports[1].url, "/health"))[0] == 200
    assert (await get(gateway.url, "/funland/v1/status", Host="127.0.0.2"))[0] == 403


async def test_what_is_no_request_is_answered_in_its_shape(
    start_gateway: StartGateway, raw: Any
) -> None:
    gateway = await start_gateway(listen=("0=manager",))

    answer = await raw(gateway.ports[1], b"GET /nothing HTTP/9.9\r\n\r\n")

    assert b'"success":false' in answer


async def test_sockets_are_counted_together(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(listen=("0=manager",), max_connections=1)

    async with aiohttp.ClientSession(gateway.url) as http, http.get("/openapi.json") as response:
        await response.read()
        code, _ = await get(gateway.ports[1].url, "/openapi.json")

    assert code == 503
