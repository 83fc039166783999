"""The OpenAPI document says what the routes and the rules of the contract say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any, cast

import jsonschema
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from openapi_spec_validator import validate as validate_document

from funland.v1 import (
    downloads_pb2,
    errors_pb2,
    files_pb2,
    hub_pb2,
    inference_pb2,
    models_pb2,
    responses_pb2,
    sessions_pb2,
    system_pb2,
)
from funland_gateway.app import spoken
from funland_gateway.dialects.sharing import joint_routes
from funland_gateway.transcoding.comments import contract_comments
from funland_gateway.transcoding.encoder import encode
from funland_gateway.transcoding.openapi import openapi_document
from funland_gateway.transcoding.routes import compile_routes

MODULES = (
    downloads_pb2, errors_pb2, files_pb2, hub_pb2, inference_pb2, models_pb2, responses_pb2,
    sessions_pb2, system_pb2,
)  # fmt: skip
ROUTES = compile_routes(module.DESCRIPTOR for module in MODULES)
OTHERS = [route for _, route in joint_routes(spoken())]
DOCUMENT = openapi_document(ROUTES, OTHERS)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def inside(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield cast("dict[str, Any]", value)
        for each in cast("dict[str, Any]", value).values():
            yield from inside(each)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            yield from inside(each)


def test_the_document_is_openapi_3_1() -> None:
    validate_document(DOCUMENT)  # raises if it is not


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_every_route_is_documented_once() -> None:
    documented = [(method, path) for path, method, _ in operations()]
    routed = [(r.http_method, r.path) for r in ROUTES] + [(r.method, r.path) for r in OTHERS]

    assert sorted(documented) == sorted(routed)


def test_every_reference_leads_somewhere() -> None:
    found = [each["$ref"] for each in inside(DOCUMENT) if "$ref" in each]

    assert found
    assert {ref.removeprefix("#/components/schemas/") for ref in found} <= set(SCHEMAS)


def test_operation_ids_are_unique_and_every_tag_is_listed() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    tags = {tag for _, _, operation in operations() for tag in operation["tags"]}

    assert len(ids) == len(set(ids))
    assert tags == {tag["name"] for tag in DOCUMENT["tags"]}


def test_the_variables_of_a_path_are_its_required_parameters() -> None:
    for path, method, operation in operations():
        parameters = operation.get("parameters", [])
        in_path = [each for each in parameters if each["in"] == "path"]

        assert {each["name"] for each in in_path} == set(re.findall(r"\{(\w+)\}", path)), path
        assert all(each["required"] for each in in_path), (method, path)


def test_the_query_parameters_of_a_dialects_route_are_listed() -> None:
    listed = DOCUMENT["paths"]["/v1/chat/completions"]["get"]["parameters"]

    by_name = {each["name"]: each for each in listed}
    assert set(by_name) == {"after", "limit", "order", "model", "metadata"}
    assert {each["in"] for each in listed} == {"query"}
    assert by_name["limit"]["schema"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "default": 20
    }  # fmt: skip
    assert by_name["metadata"]["style"] == "deepObject"


def test_a_stream_both_ways_is_a_websocket_with_its_messages() -> None:
    operation = DOCUMENT["paths"]["/funland/v1/sessions/{session_id}:converse"]["get"]

    assert set(operation["responses"]) == {"101", "default"}
    assert [each["name"] for each in operation["parameters"]] == ["session_id"]
    assert operation["x-websocket"] == {
        "send": {"$ref": "#/components/schemas/ConverseRequest"},
        "receive": {"$ref": "#/components/schemas/SessionEvent"},
    }
    assert SCHEMAS["ConverseRequest"]["additionalProperties"] is False


def test_every_operation_and_field_of_the_contract_is_described() -> None:
    for path, _, operation in operations():
        assert operation["summary"], path
    for name, schema in SCHEMAS.items():
        assert schema["description"], name
        for field, inner in schema["properties"].items():
            assert inner.get("description") or name == "Failure", (name, field)


@pytest.mark.parametrize(
    ("message", "field", "rules"),
    [
        (
            "SamplingParameters",
            "temperature",
            {"type": ["number", "null"], "minimum": 0, "maximum": 2},
        ),
        ("SamplingParameters", "top_p", {"minimum": 0, "maximum": 1}),
        (
            "SamplingParameters",
            "top_k",
            {"type": ["integer", "null"], "format": "int32", "minimum": 0},
        ),
        ("GenerationOptions", "last_prompt_tokens", {"minimum": -1, "not": {"enum": [0]}}),
        ("SamplingParameters", "seed", {"format": "int64", "maximum": 4294967295}),
        ("SamplingParameters", "stop", {"type": ["array", "null"], "maxItems": 16}),
        ("SamplingParameters", "logit_bias", {"type": ["object", "null"], "maxProperties": 1024}),
        ("TokenizeRequest", "text", {"type": ["string", "null"]}),
        ("GenerateRequest", "model", {"maxLength": 256}),
        ("ChatRequest", "messages", {"type": "array", "minItems": 1, "maxItems": 4096}),
        ("Message", "role", {"enum": ["SYSTEM", "USER", "ASSISTANT", "TOOL"]}),
        ("ImportModelRequest", "path", {"type": ["string", "null"], "minLength": 1}),
        ("ImportModelRequest", "sha256", {"pattern": "^([0-9a-f]{64})?$"}),
        ("Model", "create_time", {"type": "string", "format": "date-time"}),
    ],
)
def test_the_rules_of_a_field_are_in_its_schema(
    message: str, field: str, rules: dict[str, Any]
) -> None:
    schema = SCHEMAS[message]["properties"][field]

    assert {key: schema.get(key) for key in rules} == rules


def test_the_rules_of_items_and_values_are_in_theirs() -> None:
    sampling = SCHEMAS["SamplingParameters"]["properties"]

    assert sampling["stop"]["items"] == {"type": "string", "minLength": 1, "maxLength": 256}
    assert sampling["logit_bias"]["additionalProperties"] == {
        "type": "number",
        "minimum": -100.0,
        "maximum": 100.0,
    }


def test_what_a_rule_asks_for_is_required() -> None:
    assert SCHEMAS["ApplyTemplateRequest"]["required"] == ["chat"]
    assert SCHEMAS["Message"]["required"] == ["role"]
    assert "required" not in SCHEMAS["SamplingParameters"]


@pytest.mark.parametrize(
    ("message", "keywords"),
    [
        (
            "GenerateRequest",
            {
                "if": {
                    "properties": {"prompt": {"type": "string", "minLength": 1}},
                    "required": ["prompt"],
                },
                "then": {"properties": {"prompt_tokens": {"maxItems": 0}}},
                "else": {
                    "if": {
                        "properties": {"suffix": {"type": "string", "minLength": 1}},
                        "required": ["suffix"],
                    },
                    "then": {"properties": {"prompt_tokens": {"maxItems": 0}}},
                    "else": {
                        "properties": {"prompt_tokens": {"type": "array", "minItems": 1}},
                        "required": ["prompt_tokens"],
                    },
                },
                "dependentSchemas": {
                    "as_message": {
                        "allOf": [
                            {
                                "if": {"properties": {"as_message": {"const": True}}},
                                "then": {"properties": {"suffix": {"maxLength": 0}}},
                            },
                            {
                                "if": {"properties": {"as_message": {"const": True}}},
                                "then": {"properties": {"prompt_tokens": {"maxItems": 0}}},
                            },
                        ]
                    }
                },
            },
        ),
        ("EmbedRequest", {"then": None}),
        (
            "ImportModelRequest",
            {
                "if": {"required": ["path"], "properties": {"path": {"not": {"type": "null"}}}},
                "else": {
                    "if": {
                        "required": ["file_id"],
                        "properties": {"file_id": {"not": {"type": "null"}}},
                    },
                    "else": {
                        "required": ["base_model"],
                        "properties": {"base_model": {"not": {"type": "null"}}},
                    },
                },
            },
        ),
        ("Response", None),
    ],
)
def test_rules_between_fields_are_told_of_messages_that_are_sent(
    message: str, keywords: dict[str, Any] | None
) -> None:
    if keywords is None:
        assert not {"if", "dependentSchemas"} & set(SCHEMAS["ResponseObject"])
    else:
        assert {key: SCHEMAS[message].get(key) for key in keywords} == keywords


@pytest.mark.parametrize("sparse", [False, True])
def test_an_answer_may_repeat_a_request_without_what_had_to_be_sent(sparse: bool) -> None:
    response = responses_pb2.Response(
        request=inference_pb2.ChatRequest(model="tiny"),
        output=inference_pb2.Message(role=inference_pb2.Message.ASSISTANT),
    )
    schema = {"$ref": "#/components/schemas/ResponseObject", "components": {"schemas": SCHEMAS}}
    check: Any = jsonschema.Draft202012Validator(schema)  # whose types are not all known

    check.validate(encode(response, sparse=sparse))
    assert "messages" in SCHEMAS["ChatRequest"]["required"]


def test_a_body_is_required_where_nothing_is_refused() -> None:
    required = {
        path: operation["requestBody"]["required"]
        for path, _, operation in operations()
        if "requestBody" in operation
    }

    assert not required["/funland/v1/tokenize"]
    assert not required["/api/v1/models/{model_name}/load"]
    for path in (
        "/funland/v1/chat", "/funland/v1/generate", "/funland/v1/embed", "/v1/chat/completions",
        "/v1/responses", "/v1/embeddings", "/tokenize", "/rerank", "/api/v1/generate",
    ):  # fmt: skip
        assert required[path], path


def test_native_messages_are_closed_and_null_is_for_what_need_not_be_sent() -> None:
    for name, schema in SCHEMAS.items():
        assert schema["additionalProperties"] is False, name
    role, content = (SCHEMAS["Message"]["properties"][name] for name in ("role", "content"))
    assert (role["type"], content["type"]) == ("string", ["string", "null"])
    assert SCHEMAS["Timings"]["properties"]["queue_ms"]["type"] == "number"  # never sent
    sampling = SCHEMAS["ChatRequest"]["properties"]["sampling"]
    assert sampling["anyOf"] == [
        {"$ref": "#/components/schemas/SamplingParameters"},
        {"type": "null"},
    ]


def test_no_schema_hides_a_generators_own_class() -> None:
    assert not {"Response", "Error", "Client", "File", "Unset"} & set(SCHEMAS)
    assert {"ResponseObject", "ErrorObject"} <= set(SCHEMAS)


def test_a_field_in_the_path_is_not_in_the_body() -> None:
    load = DOCUMENT["paths"]["/funland/v1/models/{model_id}:load"]["post"]

    body = load["requestBody"]
    assert set(body["content"]["application/json"]["schema"]["properties"]) == {"settings"}
    assert body["required"] is False


def test_a_route_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="is routed twice"):
        openapi_document([*ROUTES, ROUTES[0]], [])


def test_the_comments_are_those_of_the_contract_in_use() -> None:
    data = resources.files("funland_gateway.transcoding").joinpath("contract.binpb").read_bytes()
    shipped = {file.name: file for file in FileDescriptorSet.FromString(data).file}

    for module in MODULES:
        in_use = FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        file = shipped[in_use.name]
        file.ClearField("source_code_info")
        for message in inside_messages(file):
            for field in message.field:
                field.ClearField("json_name")  # protoc fills it in, generated Python leaves it out
        assert file == in_use, f"{in_use.name}: run 'make proto'"
    assert contract_comments()["funland.v1.Message.Role.USER"] == "The person or program that asks."


def inside_messages(file: FileDescriptorProto) -> Iterator[Any]:
    waiting: list[Any] = list(file.message_type)
    while waiting:
        message = waiting.pop()
        yield message
        waiting.extend(message.nested_type)


def test_bodies_that_are_as_they_are_are_shown_so() -> None:
    octets = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    upload = DOCUMENT["paths"]["/funland/v1/files"]["post"]
    download = DOCUMENT["paths"]["/funland/v1/files/{file_id}/content"]["get"]
    form = DOCUMENT["paths"]["/v1/files"]["post"]["requestBody"]["content"]
    content = DOCUMENT["paths"]["/v1/files/{file_id}/content"]["get"]["responses"]["200"]

    assert upload["requestBody"]["content"] == octets
    assert {(each["name"], each["in"]) for each in upload["parameters"]} == {
        (name, "query") for name in ("name", "purpose", "media_type", "retention_seconds", "sha256")
    }
    assert download["responses"]["200"]["content"] == octets
    assert list(form) == ["multipart/form-data"]
    assert form["multipart/form-data"]["schema"]["required"] == ["file", "purpose"]
    assert content["content"] == octets
