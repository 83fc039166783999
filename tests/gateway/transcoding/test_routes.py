"""The contract's annotations are the routes."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from google.protobuf.descriptor import FileDescriptor

from funland.v1 import (
    downloads_pb2,
    files_pb2,
    hub_pb2,
    inference_pb2,
    models_pb2,
    responses_pb2,
    sessions_pb2,
    system_pb2,
)
from funland_gateway.failures import CallFailed
from funland_gateway.transcoding.routes import Route, compile_routes

MODULES = (
    downloads_pb2, files_pb2, hub_pb2, inference_pb2, models_pb2, responses_pb2, sessions_pb2,
    system_pb2,
)  # fmt: skip
CONTRACT = compile_routes(module.DESCRIPTOR for module in MODULES)


@pytest.fixture(scope="session")
def kitchen_routes(kitchen_file: FileDescriptor) -> dict[str, Route]:
    return {route.path: route for route in compile_routes([kitchen_file])}


async def matched(http_method: str, url: str) -> tuple[str | int, dict[str, str]]:
    """The RPC, or the HTTP status, that aiohttp finds for a URL, and the path's variables."""
    app = web.Application()
    names: dict[object, str] = {}
    for route in CONTRACT:

        async def handler(_: web.Request) -> web.Response:
            return web.Response()

        names[app.router.add_route(route.http_method, route.pattern, handler)] = route.rpc.name
    match = await app.router.resolve(make_mocked_request(http_method, url))
    return (match.http_exception.status if match.http_exception else names[match.route]), dict(
        match
    )


def test_every_public_rpc_has_a_route() -> None:
    rpcs = {
        rpc.full_name
        for module in MODULES
        for service in module.DESCRIPTOR.services_by_name.values()
        for rpc in service.methods
    }

    assert {route.rpc.full_name for route in CONTRACT} == rpcs


@pytest.mark.parametrize(
    ("http_method", "url", "rpc", "variables"),
    [
        ("POST", "/funland/v1/chat", "Chat", {}),
        ("POST", "/funland/v1/chat:stream", "StreamChat", {}),
        ("GET", "/funland/v1/models", "ListModels", {}),
        ("GET", "/funland/v1/models:watch", "WatchModels", {}),
        ("GET", "/funland/v1/hubs", "ListHubs", {}),
        (
            "GET",
            "/funland/v1/hubs/HUGGINGFACE/models/owner/name",
            "GetHubModel",
            {"hub": "HUGGINGFACE", "model_id": "owner/name"},
        ),
        (
            "GET",
            "/funland/v1/hubs/ollama/models/qwen2.5:0.5b",
            "GetHubModel",
            {"hub": "ollama", "model_id": "qwen2.5:0.5b"},
        ),
        (
            "GET",
            "/funland/v1/hubs/modelscope/models/owner%2Fname",
            "GetHubModel",
            {"hub": "modelscope", "model_id": "owner/name"},
        ),
        ("POST", "/funland/v1/models:import", "ImportModel", {}),
        ("GET", "/funland/v1/sessions/s:converse", "Converse", {"session_id": "s"}),
        ("POST", "/funland/v1/sessions/s:converse", 405, {}),
        ("GET", "/funland/v1/models/tiny", "GetModel", {"model_id": "tiny"}),
        ("DELETE", "/funland/v1/models/tiny", "DeleteModel", {"model_id": "tiny"}),
        ("POST", "/funland/v1/models/tiny:load", "LoadModel", {"model_id": "tiny"}),
        ("POST", "/funland/v1/models/tiny:unload", "UnloadModel", {"model_id": "tiny"}),
        ("GET", "/funland/v1/models/qwen2.5:0.5b", "GetModel", {"model_id": "qwen2.5:0.5b"}),
        ("POST", "/funland/v1/models/a%3Ab:load", "LoadModel", {"model_id": "a:b"}),
        ("GET", "/funland/v1/models/Qwen%2FQwen2.5", "GetModel", {"model_id": "Qwen/Qwen2.5"}),
        ("GET", "/funland/v1/models/%E4%BD%A0", "GetModel", {"model_id": "你"}),
        ("GET", "/funland/v1/models/tiny:load", 405, {}),
        ("DELETE", "/funland/v1/models/tiny:unload", 405, {}),
        ("POST", "/funland/v1/models/tiny:fly", 405, {}),
        ("GET", "/funland/v1/models/a/b", 404, {}),
        ("GET", "/funland/v1/models/", 404, {}),
        ("GET", "/funland/v1/chat", 405, {}),
        ("POST", "/funland/v1/files", "UploadFile", {}),
        ("GET", "/funland/v1/files/f/content", "DownloadFile", {"file_id": "f"}),
    ],
)
async def test_a_url_leads_to_its_rpc(
    http_method: str, url: str, rpc: str | int, variables: dict[str, str]
) -> None:
    assert await matched(http_method, url) == (rpc, variables)


def test_query_parameters_fill_fields_also_nested_and_repeated(
    kitchen_routes: dict[str, Route],
) -> None:
    query = [
        ("text", "5"),
        ("flag", "true"),
        ("small", "-7"),
        ("large", "9007199254740993"),
        ("real", "0.5"),
        ("colour", "RED"),
        ("maybeColour", "-5"),
        ("texts", "a"),
        ("texts", "b"),
        ("inner.inner.text", "deep"),
        ("inner.larges", "1"),
        ("inner.larges", "2"),
        ("lasting", "1.5s"),
    ]

    message: Any = kitchen_routes["/kitchens"].request(None, {}, query)

    assert (message.text, message.flag, message.small) == ("5", True, -7)
    assert (message.large, message.real, message.colour) == (9007199254740993, 0.5, 1)
    assert (message.maybe_colour, list(message.texts)) == (-5, ["a", "b"])
    assert (message.inner.inner.text, list(message.inner.larges)) == ("deep", [1, 2])
    assert message.lasting.ToMilliseconds() == 1500


@pytest.mark.parametrize(
    ("query", "field", "problem"),
    [
        ([("flagg", "1")], "flagg", "is not a field of Kitchen; perhaps flag is meant"),
        ([("inner.flagg", "1")], "inner.flagg", "is not a field of Kitchen; perhaps flag is meant"),
        ([("small", "many")], "small", "must be an integer, not a string"),
        ([("small", "")], "small", "must be an integer, not a string"),
        ([("flag", "1")], "flag", "must be true or false, not a string"),
        ([("real", "nan")], "real", "must be a number, not a string"),
        ([("real", "1e999")], "real", "must be a finite number"),
        ([("small", "1"), ("small", "2")], "small", "is given twice"),
        ([("text.x", "1")], "text.x", "is no query parameter here"),
        ([("inners.text", "1")], "inners.text", "is no query parameter here"),
        ([("inner", "1")], "inner", "is no query parameter here"),
        ([("texts_by_text", "1")], "texts_by_text", "is no query parameter here"),
        ([("lasting.seconds", "1")], "lasting.seconds", "is no query parameter here"),
    ],
)
def test_a_wrong_query_parameter_is_named(
    kitchen_routes: dict[str, Route], query: list[tuple[str, str]], field: str, problem: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        kitchen_routes["/kitchens"].request(None, {}, query)

    (violation,) = raised.value.error.field_violations
    assert (violation.field, violation.description) == (field, problem)


def test_what_the_path_says_wins(kitchen_routes: dict[str, Route]) -> None:
    cook = kitchen_routes["/kitchens/{text}:cook"]
    get = kitchen_routes["/kitchens/{text}/rooms/{small}"]

    from_body: Any = cook.request({"text": "body", "flag": True}, {"text": "path"}, [])
    from_query: Any = get.request(None, {"text": "path", "small": "4"}, [("text", "query")])

    assert (from_body.text, from_body.flag) == ("path", True)
    assert (from_query.text, from_query.small) == ("path", 4)


def test_a_wrong_variable_of_the_path_is_named(kitchen_routes: dict[str, Route]) -> None:
    get = kitchen_routes["/kitchens/{text}/rooms/{small}"]

    with pytest.raises(CallFailed, match="small must be an integer"):
        get.request(None, {"text": "t", "small": "x"}, [])


def test_a_call_with_a_body_takes_no_query_parameters(kitchen_routes: dict[str, Route]) -> None:
    with pytest.raises(CallFailed, match="flag is no query parameter of a call with a body"):
        kitchen_routes["/kitchens/{text}:cook"].request({}, {"text": "t"}, [("flag", "true")])


def test_what_takes_a_stream_is_at_a_path_of_get(kitchen_routes: dict[str, Route]) -> None:
    talk = kitchen_routes["/kitchens/{text}:talk"]

    said: Any = talk.opening({"text": "body", "flag": True}, {"text": "path"})

    assert talk.rpc.client_streaming
    assert (said.text, said.flag) == ("path", True)


def test_further_bindings_are_routes_and_an_rpc_without_a_path_is_none(
    kitchen_routes: dict[str, Route],
) -> None:
    assert kitchen_routes["/kitchens/{text}:peek"].rpc.name == "GetKitchen"
    assert "HideKitchen" not in {route.rpc.name for route in kitchen_routes.values()}
