"""Every field that breaks its rule is refused by its name, whichever way it comes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    files_pb2,
    hardware_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland_gateway.dialects.openai.parameter_table import SAMPLING
from funland_gateway.dialects.sampling import EVERY_PARAMETER, MINUS_ONE
from tests.faults.broken_rules import Break, breaks, is_map, valid
from tests.faults.service import Service, failure, unharmed

if TYPE_CHECKING:
    from tests.conftest import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

RPCS = [
    rpc
    for file in (
        auth_pb2,
        batches_pb2,
        datasets_pb2,
        deployments_pb2,
        files_pb2,
        hardware_pb2,
        inference_pb2,
        mcp_pb2,
        models_pb2,
        nodes_pb2,
        plugins_pb2,
        projects_pb2,
        responses_pb2,
        sessions_pb2,
        speech_pb2,
        system_pb2,
        tasks_pb2,
        training_pb2,
        uploads_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for rpc in service.methods
]
SAMPLING_FIELDS = inference_pb2.SamplingParameters.DESCRIPTOR

OPENAI_BODIES: Mapping[str, Mapping[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "x"}]},
    "/v1/completions": {"prompt": "x"},
}

WRONG_NUMBERS: list[Any] = ["many", True, [], {}, 2**70]
WRONG_JSON: Mapping[int, list[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: [*WRONG_NUMBERS, 1.5, 2**31, -(2**31) - 1],
    FieldDescriptor.CPPTYPE_UINT32: [*WRONG_NUMBERS, 1.5, 2**32, -1],
    FieldDescriptor.CPPTYPE_INT64: [*WRONG_NUMBERS, 1.5, 2**63],
    FieldDescriptor.CPPTYPE_FLOAT: [*WRONG_NUMBERS, 1e39, "NaN"],
    FieldDescriptor.CPPTYPE_DOUBLE: [*WRONG_NUMBERS, "NaN"],
    FieldDescriptor.CPPTYPE_STRING: [7, True, [], {}],
    FieldDescriptor.CPPTYPE_BOOL: ["yes", 1, [], {}],
    FieldDescriptor.CPPTYPE_ENUM: ["WIZARD", 99, 1.5, [], {}],
    FieldDescriptor.CPPTYPE_MESSAGE: [7, "x", []],
}
WRONG_LISTS: list[Any] = [7, True, "x", {}]
WRONG_MAPS: list[Any] = [7, True, "x", [], {"one": 1}, {"1": "much"}]
WRONG_TEXT_MAPS: list[Any] = [7, True, "x", [], {"one": 1}, {"one": ["text"]}]


def http_rule(rpc: MethodDescriptor) -> HttpRule:
    options: Any = rpc.GetOptions()  # the package of annotations_pb2 has no types
    return options.Extensions[annotations_pb2.http]


def path_template(rpc: MethodDescriptor) -> str:
    rule = http_rule(rpc)
    return getattr(rule, rule.WhichOneof("pattern") or "")


def variables(rpc: MethodDescriptor) -> list[str]:
    """The fields that the path holds."""
    return re.findall(r"{(\w+)}", path_template(rpc))


def each_rule_once() -> Iterator[tuple[MethodDescriptor, Break]]:
    """The rules of a message that is inside of several are tried in the first of them whole, and in
    each other by one."""
    seen: set[tuple[str, str, str]] = set()
    for rpc in RPCS:
        tried: set[str] = set()
        here: set[tuple[str, str, str]] = set()
        for broken in breaks(rpc.input_type):
            rule = (broken.owner, broken.path.rpartition(".")[2], broken.rule)
            if not broken.owner or broken.owner not in tried or rule not in seen:
                yield rpc, broken
            tried.add(broken.owner)
            here.add(rule)
        seen |= here


BROKEN = [*each_rule_once()]
BROKEN_OVER_REST = [
    (rpc, broken)
    for rpc, broken in BROKEN
    # An empty name makes it another path, and a query has no maps. What is said over a WebSocket is
    # tested with those.
    if not rpc.client_streaming
    and not (broken.path in variables(rpc) and broken.rule == "min_len")
    and not (http_rule(rpc).get and broken.rule == "max_pairs")
]


def by_rpc(broken: Sequence[tuple[MethodDescriptor, Break]]) -> list[Any]:
    """The parameters of a test for each RPC: one for each rule would be thousands."""
    rules: dict[str, list[Break]] = {}
    rpcs = {rpc.full_name: rpc for rpc, _ in broken}
    for rpc, each in broken:
        rules.setdefault(rpc.full_name, []).append(each)
    return [pytest.param(rpc, rules[name], id=rpc.name) for name, rpc in rpcs.items()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(stack: Stack) -> AsyncIterator[Service]:
    """One for all of these tests, which are thousands: nothing of what they send comes to an
    engine."""
    async with unharmed(stack) as service:
        yield service


@pytest.mark.parametrize(("rpc", "rules"), by_rpc(BROKEN))
async def test_a_broken_rule_is_named_over_grpc(
    service: Service, rpc: MethodDescriptor, rules: list[Break]
) -> None:
    for broken in rules:
        request = valid(rpc.input_type)
        broken.apply(request)

        fault = await failure(send_grpc(service, rpc, request))

        assert (fault.code, fault.reason) == ("INVALID_ARGUMENT", "FIELD_INVALID"), broken
        assert broken.path in map(unquoted, fault.fields), broken
        assert broken.path in unquoted(fault.message), broken


@pytest.mark.parametrize(("rpc", "rules"), by_rpc(BROKEN_OVER_REST))
async def test_a_broken_rule_is_named_over_rest(
    service: Service, rpc: MethodDescriptor, rules: list[Break]
) -> None:
    for broken in rules:
        request = valid(rpc.input_type)
        broken.apply(request)
        verb, path, body = rest(
            rpc, json_format.MessageToDict(request, preserving_proto_field_name=True)
        )

        status, error = await send_json(service, verb, path, body)

        assert status == 400, broken
        assert error["reason"] in {"FIELD_INVALID", "BODY_MALFORMED"}, broken
        named = [unquoted(violation["field"]) for violation in error["field_violations"]]
        assert broken.path in named, broken


def unquoted(text: str) -> str:
    """The gateway and the server write the keys of maps in different ways."""
    return text.replace('"', "").replace("'", "")


def wrong_types() -> Iterator[Any]:
    for rpc in RPCS:
        if http_rule(rpc).body == "*":
            for field in rpc.input_type.fields:
                if field.name in variables(rpc):
                    continue  # what the path says wins
                yield pytest.param(rpc, [field], id=f"{rpc.name} {field.name}")
                of_json = field.message_type is not None and field.message_type.file.package
                if of_json == "google.protobuf":
                    continue  # JSON has forms of its own for these
                if field.message_type is not None and not is_map(field):
                    for inner in field.message_type.fields:
                        path = f"{rpc.name} {field.name}.{inner.name}"
                        yield pytest.param(rpc, [field, inner], id=path)


@pytest.mark.parametrize(("rpc", "fields"), [*wrong_types()])
async def test_a_wrong_json_type_is_named_over_rest(
    service: Service, rpc: MethodDescriptor, fields: list[FieldDescriptor]
) -> None:
    *outer, last = fields
    for value in wrong_values(last):
        body = json_format.MessageToDict(valid(rpc.input_type), preserving_proto_field_name=True)
        verb, path, body = rest(rpc, body)
        name, place = last.name, body
        for field in outer:
            for other in field.containing_oneof.fields if field.containing_oneof else ():
                place.pop(other.name, None)  # only one of them may be set
            if field.is_repeated:
                name = f"{field.name}[0].{last.name}"
                place = place.setdefault(field.name, [{}])[0]
            else:
                name = f"{field.name}.{last.name}"
                place = place.setdefault(field.name, {})
        place[last.name] = value

        status, error = await send_json(service, verb, path, body)

        assert (status, error["code"]) == (400, "INVALID_ARGUMENT"), value
        named = [violation["field"] for violation in error["field_violations"]]
        assert [each for each in named if each.startswith(name)], (value, error)


def in_json(broken: Break) -> dict[str, Any]:
    message = inference_pb2.SamplingParameters()
    broken.apply(message)
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def dialect_breaks(names: Mapping[str, str]) -> Iterator[Any]:
    for name, field in names.items():
        values = [
            in_json(broken)[field]
            for broken in breaks(SAMPLING_FIELDS)
            if re.split(r"\W", broken.path)[0] == field and not means_something(field, broken)
        ]
        if values:
            yield pytest.param(name, values, id=name)


def means_something(field: str, broken: Break) -> bool:
    """Whether the dialects take what the contract does not: any seed, and -1 for some."""
    return field == "seed" or (field in MINUS_ONE and in_json(broken)[field] == -1)


@pytest.mark.parametrize(("name", "values"), [*dialect_breaks(SAMPLING)])
@pytest.mark.parametrize("path", sorted(OPENAI_BODIES))
async def test_a_broken_rule_is_named_over_openais_api(
    service: Service, path: str, name: str, values: list[Any]
) -> None:
    for value in values:
        status, error = await send_json(service, "post", path, {**OPENAI_BODIES[path], name: value})

        assert status == 400, value
        assert error["type"] == "invalid_request_error", value
        assert error["param"].partition("[")[0] == name, value


@pytest.mark.parametrize(("name", "values"), [*dialect_breaks(EVERY_PARAMETER)])
@pytest.mark.parametrize("path", ["/api/v1/generate", "/api/v1/generate/stream"])
async def test_a_broken_rule_is_named_over_the_inference_api(
    service: Service, path: str, name: str, values: list[Any]
) -> None:
    for value in values:
        status, error = await send_json(service, "post", path, {"prompt": "x", name: value})

        assert status == 400, value
        assert error["code"] in {"FIELD_INVALID", "BODY_MALFORMED"}, value
        assert re.split(r"[\[:]", error["details"])[0] == name, value


async def send_grpc(service: Service, rpc: MethodDescriptor, request: Any) -> None:
    """Calls any RPC: on the wire, one answer is a stream of one."""
    method = f"/{rpc.containing_service.full_name}/{rpc.name}"
    channel: Any = service.channel  # whose types ask for the answer's type too
    stream = channel.unary_stream(method, serialize)(request, timeout=60)
    _ = [answer async for answer in stream]


async def send_json(service: Service, verb: str, path: str, body: Any) -> tuple[int, Any]:
    query = body if verb == "get" else None
    sent = None if verb == "get" else io.BytesIO(json.dumps(body, ensure_ascii=False).encode())
    async with service.http.request(verb.upper(), path, params=query, data=sent) as response:
        return response.status, json.loads(await response.read())["error"]


def rest(rpc: MethodDescriptor, body: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The method, path and body, or query, of a request over native REST."""
    verb = http_rule(rpc).WhichOneof("pattern")
    assert verb is not None

    def fill(match: re.Match[str]) -> str:
        return quote(str(body.pop(match[1], "x")), safe="")

    return verb, re.sub(r"{(\w+)}", fill, path_template(rpc)), body


def serialize(message: Message) -> bytes:
    return message.SerializeToString()


def wrong_values(field: FieldDescriptor) -> list[Any]:
    if field.message_type is not None and is_map(field):
        key = field.message_type.fields_by_name["key"]
        return WRONG_MAPS if key.cpp_type != FieldDescriptor.CPPTYPE_STRING else WRONG_TEXT_MAPS
    return WRONG_LISTS if field.is_repeated else WRONG_JSON[field.cpp_type]
