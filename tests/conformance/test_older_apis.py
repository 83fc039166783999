"""Clients of the older APIs, and of OpenAI's for sound and pictures, get what their documents show,
from the whole service and the hubs."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.hellovm.routes import HELLOVM
from funland_gateway.dialects.manager.routes import MANAGER
from funland_gateway.dialects.openai.audio_routes import AUDIO_ROUTES
from funland_gateway.dialects.openai.image_routes import IMAGE_ROUTES
from funland_gateway.dialects.platform.routes import PLATFORM
from funland_gateway.dialects.scheduler.routes import SCHEDULER
from funland_plugin.isolation.probing import missing
from tests.conformance.shapes import FOLDER as DOCUMENTS
from tests.conformance.shapes import lacks, shape_of
from tests.docs.markdown import code, codes, read, rows, section
from tests.hubs.models import gguf_files
from tests.hubs.server import FakeHub
from tools.exchanges.__main__ import FOLDER
from tools.exchanges.plan import STEPS, Step
from tools.exchanges.playing import Exchange, play
from tools.exchanges.serving import serving
from tools.exchanges.stage import places, services, settings

if TYPE_CHECKING:
    from tests.conftest import StartStack

WITHOUT_PLUGINS = bool(missing())
PLAYED = [step for step in STEPS if not (step.executes and WITHOUT_PLUGINS)]
"""What this system can: plugins are executed only where they can be kept in."""

every_step = pytest.mark.parametrize(
    "step", PLAYED, ids=[f"{step.dialect} {step.name}" for step in PLAYED]
)

EMPTY_WITHOUT: Mapping[str, str] = {
    "hellovm hardware": "devices",
    "hellovm search": "models",
    "hellovm details": "files",
    "hellovm downloads": "downloads",
    "hellovm plugins": "plugins",
    "manager search": "items",
    "manager list": "items",
    "manager deployments_list": "items",
    "manager deployments_logs": "logs",
}
"""Lists that would show nothing if they had nothing."""


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Exchange]:
    """The plan, played once."""
    home = tmp_path_factory.mktemp("funland")
    with FakeHub() as hub, services(home, hub) as ports:
        played = asyncio.run(play(PLAYED, ports, places(hub)))
    return {(each.step.dialect, each.step.name): each for each in played}


@every_step
def test_an_exchange_is_as_it_was_recorded(
    exchanges: Mapping[tuple[str, str], Exchange], step: Step
) -> None:
    recorded = (FOLDER / step.dialect / f"{step.name}.json").read_text(encoding="utf-8")

    assert exchanges[step.dialect, step.name].written() == json.loads(recorded)


@every_step
def test_an_answer_has_all_that_the_document_shows(
    exchanges: Mapping[tuple[str, str], Exchange], step: Step
) -> None:
    exchange = exchanges[step.dialect, step.name]
    if step.says:
        return  # the document has the path alone

    failed = exchange.status >= 400
    assert list(lacks(shape_of(step.dialect, step.name, failed=failed), exchange.body)) == []
    if name := EMPTY_WITHOUT.get(f"{step.dialect} {step.name}"):
        assert exchange.body["data"][name]


def test_the_request_id_is_that_of_the_header(
    exchanges: Mapping[tuple[str, str], Exchange],
) -> None:
    told = [
        each for each in exchanges.values() if each.step.dialect == "hellovm" and not each.step.says
    ]

    assert [each.body["request_id"] for each in told] == [each.request_id for each in told]


async def test_a_stop_of_the_service_is_told_over_a_websocket(start_stack: StartStack) -> None:
    stack = start_stack()
    async with (
        asyncio.timeout(120),
        aiohttp.ClientSession(stack.http_url) as http,
        http.ws_connect("/ws/downloads") as socket,
    ):
        assert await socket.receive_json() == {"type": "synced"}

        stack.process.send_signal(signal.SIGTERM)

        while (message := await socket.receive_json())["type"] != "error":
            pass
        closing = await socket.receive()
    assert message["error"] == "SERVER_STOPPING"
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_what_one_api_downloads_the_other_watches_and_both_know(tmp_path: Path) -> None:
    async with FakeHub() as hub, aiohttp.ClientSession() as http, asyncio.timeout(120):
        hub.modelscope.add("funland/tiny", gguf_files("tale.gguf"))
        with serving(tmp_path, settings(hub)) as ports:
            model, body = "/api/v1/models/funland/tiny", {"model_id": "funland/tiny"}
            async with http.ws_connect(f"{ports['manager']}/ws/downloads") as socket:
                async with http.post(
                    f"{ports['hellovm']}/api/v1/models/download", json=body
                ) as begun:
                    name = (await begun.json())["data"]["download_id"]
                task = await until(socket, "completed")
            async with http.get(f"{ports['hellovm']}/api/v1/downloads") as listed:
                (download,) = (await listed.json())["data"]["downloads"]
            async with http.get(ports["hellovm"] + model) as details:
                found = (await details.json())["data"]

    assert (task["id"], task["progress"], task["eta"]) == (name, 100.0, "00:00:00")
    assert (download["id"], download["status"]) == (name, "completed")
    assert download["checksum_verified"] is True
    assert download["completion_time"]
    assert found["is_downloaded"] is True


async def until(socket: aiohttp.ClientWebSocketResponse, status: str) -> Any:
    """The task that is first told to have a status."""
    while True:
        message = await socket.receive_json()
        if message["type"] == "download" and message["data"]["status"] == status:
            return message["data"]


def test_a_websocket_says_what_it_was_asked(
    exchanges: Mapping[tuple[str, str], Exchange],
) -> None:
    heard = exchanges["manager", "watch"].body

    kinds = [message["type"] for message in heard]
    assert kinds == [
        "download", "synced", "subscribed", "download", "pong", "error", "error", "subscribed",
    ]  # fmt: skip
    errors = [message["error"] for message in heard if message["type"] == "error"]
    assert errors == ["TASK_NOT_FOUND", "INVALID_ACTION"]
    task = shape_of("manager", "task", failed=False)["data"]
    assert list(lacks(task, heard[0]["data"])) == []


@pytest.mark.parametrize(
    ("dialect", "routes", "count"),
    [
        ("hellovm", HELLOVM.routes, 16),
        ("manager", MANAGER.routes, 34),
        ("platform", PLATFORM.routes, 19),
        ("scheduler", SCHEDULER.routes, 13),
        ("openai", (*AUDIO_ROUTES, *IMAGE_ROUTES), 6),
    ],
)
def test_every_endpoint_has_an_exchange(dialect: str, routes: Any, count: int) -> None:
    asked = [
        (step.method, step.path.partition("?")[0]) for step in STEPS if step.dialect == dialect
    ]
    fixed = {route.path for route in routes}

    found = {
        (route.method, route.path)
        for route in routes
        for method, path in asked
        if method == route.method
        and (path == route.path or (path not in fixed and matches(route.path, path)))
    }
    assert found == {(route.method, route.path) for route in routes}
    assert len(found) == count


def test_the_page_of_paths_counts_what_is_answered_of_the_documents() -> None:
    lines = (DOCUMENTS / "endpoints.tsv").read_text(encoding="utf-8").splitlines()[1:]
    documented = [tuple(line.split("\t")) for line in lines]
    answered = {
        (dialect.name, "WS" if route.upgrades else route.method, route.path)
        for dialect in DIALECTS
        for route in dialect.routes
    }
    text = section(read("docs/older-paths.md"), "## Counted")

    told = rows(text)
    assert {code(row[0]) for row in told} == {dialect for dialect, _, _ in documented}
    for name, of_document, of_ours, others in told:
        own = [each for each in documented if each[0] == code(name)]
        lacking = [
            f"{method} {path}" for _, method, path in own if (_, method, path) not in answered
        ]
        assert (of_document, of_ours) == (str(len(own)), str(len(own) - len(lacking)))
        assert codes(others) == lacking
    assert f"{len(answered & {*documented})} of the {len(documented)} endpoints" in text


def matches(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", ".+", route), path) is not None


def test_every_error_of_the_documents_is_met() -> None:
    """But for 500, which is a defect."""
    codes = {step.name.split("-")[1] for step in STEPS if step.name.startswith("error-")}

    assert codes == {
        "INVALID_SOURCE", "INVALID_ACTION", "MODEL_NOT_FOUND", "TASK_NOT_FOUND",
        "DEPLOYMENT_NOT_RUNNING", "CHAT_NOT_SUPPORTED", "DEPLOYMENT_NOT_FOUND",
        "400", "401", "403", "404", "409", "422", "429", "503",
    }  # fmt: skip


def test_no_exchange_is_left_of_what_is_asked_no_more() -> None:
    kept = {(file.parent.name, file.stem) for file in FOLDER.glob("*/*.json")}

    assert kept == {(step.dialect, step.name) for step in STEPS}


@pytest.mark.parametrize(
    ("shape", "answer", "complaint"),
    [
        ({"a": "string"}, {}, ".a is not there"),
        ({"a": "string"}, {"a": 1}, ".a: 1 is no string"),
        ({"a": "integer"}, {"a": True}, ".a: True is no integer"),
        ({"a": "integer"}, {"a": 1.5}, ".a: 1.5 is no integer"),
        ({"a": ["string"]}, {"a": ["b", 1]}, ".a[1]: 1 is no string"),
        ({"a": {"b": "any"}}, {"a": {}}, ".a.b is not there"),
        ({"a": {"b": "any"}}, {"a": []}, ".a: [] is no object"),
    ],
)
def test_what_is_lacking_is_found(shape: Any, answer: Any, complaint: str) -> None:
    assert list(lacks(shape, answer)) == [complaint]
