"""Native REST by Envoy's transcoder and by the gateway: the same, but for what is in a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode

import aiohttp
import orjson
import pytest
from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.e2e.wires import RPCS
from tests.envoy.conftest import Front
from tests.faults.broken_rules import valid

UNARY = [
    rpc
    for rpc in RPCS.values()
    if not (rpc.client_streaming or rpc.server_streaming)
    and rpc.output_type.full_name != "google.api.HttpBody"
    and rpc.GetOptions().HasExtension(annotations_pb2.http)
]

GENERATE = "/funland/v1/generate"

_CHANGES = re.compile(
    r"_(time|ms|seconds|bytes|percent|hz|celsius|watts|duration|id|count|rpm|size)$|^(id|load|number|cached_prompt_tokens)$"
)
"""Fields that are another in each call."""
_TIMES = ("google.protobuf.Timestamp", "google.protobuf.Duration")


@dataclass(frozen=True)
class Told:
    """An answer: its status, and the message or the error that it is."""

    status: int
    message: Message | None
    reason: str


async def ask(http: aiohttp.ClientSession, rpc: MethodDescriptor, message: Message) -> Told:
    rules: Any = annotations_pb2.http
    rule: Any = rpc.GetOptions().Extensions[rules]
    method: str = rule.WhichOneof("pattern")
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)

    def value(variable: re.Match[str]) -> str:
        field = message.DESCRIPTOR.fields_by_name[variable[1]]
        unset = field.enum_type.values[0].name if field.enum_type else "x"
        return quote(str(fields.pop(variable[1], unset)), safe="")

    path = re.sub(r"\{(\w+)(?:=\*\*)?\}", value, getattr(rule, method))
    body = orjson.dumps(fields) if rule.body == "*" else None
    if body is None and fields:
        path += "?" + urlencode(flat(fields))
    headers = {"content-type": "application/json"} if body is not None else {}
    async with http.request(method.upper(), path, data=body, headers=headers) as answer:
        content = await answer.read()
        if answer.ok:
            output = GetMessageClass(rpc.output_type)()
            return Told(answer.status, same(json_format.Parse(content, output)), "")
        return Told(answer.status, None, reason(orjson.loads(content) if content else {}))


def repeatable(message: Any) -> Message:
    """With what it takes to be answered the same twice."""
    for field in message.DESCRIPTOR.fields:
        if field.name == "sampling":
            message.sampling.temperature = 0
        elif field.name == "seed":
            message.seed = 7
        elif field.message_type is not None and field.is_repeated:
            for each in (
                () if field.message_type.GetOptions().map_entry else getattr(message, field.name)
            ):
                repeatable(each)
        elif field.message_type is not None and message.HasField(field.name):
            repeatable(getattr(message, field.name))
    return message


def flat(fields: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Fields as parameters of a query."""
    made: list[tuple[str, str]] = []
    for name, field in fields.items():
        if isinstance(field, dict):
            made += flat(cast("dict[str, Any]", field), f"{before}{name}.")
        else:
            each = cast("list[Any]", field) if isinstance(field, list) else [field]
            made += [(f"{before}{name}", str(one)) for one in each]
    return made


def reason(told: Any) -> str:
    """Why a call failed, of the gateway's errors and of Envoy's, which are google.rpc.Status."""
    if "error" in told:
        return told["error"]["reason"]
    return next((each["reason"] for each in told.get("details", ()) if "reason" in each), "")


def same(message: Message) -> Message:
    """Without what is another in each call."""
    for field, value in message.ListFields():
        kind = field.message_type
        if _CHANGES.search(field.name) or (kind is not None and kind.full_name in _TIMES):
            message.ClearField(field.name)
        elif kind is not None and not kind.GetOptions().map_entry:
            for each in value if field.is_repeated else [value]:
                same(each)
    return message


@pytest.mark.parametrize("rpc", UNARY, ids=lambda rpc: rpc.name)
async def test_both_answer_the_same(front: Front, rpc: MethodDescriptor) -> None:
    message = repeatable(valid(rpc.input_type))
    async with (
        aiohttp.ClientSession(front.url) as one,
        aiohttp.ClientSession(front.stack.http_url) as other,
    ):
        by_envoy = await ask(one, rpc, message)
        by_gateway = await ask(other, rpc, message)

    assert by_envoy == by_gateway


@pytest.mark.parametrize(
    ("method", "path", "body", "statuses"),
    [
        # Envoy reads JSON as protobuf's own readers do, and passes over what it does not know.
        ("POST", GENERATE, b'{"prompt": "x", "sampling": {"max_tokens": "1"}}', [200, 400]),
        ("POST", GENERATE, b'{"prompt": "x", "unheard": 1}', [200, 400]),
        ("POST", GENERATE, b'{"prompt": "x", "sampling": {"max_tokens": 1},}', [200, 400]),
        ("GET", "/funland/v1/models?page_size=1&page_size=2", None, [200, 400]),
        # What both refuse.
        ("GET", "/funland/v1/models?unheard=1", None, [400, 400]),
        ("POST", GENERATE, b'{"prompt"', [400, 400]),
        ("PUT", "/funland/v1/models", None, [404, 405]),
        ("HEAD", "/funland/v1/models", None, [404, 200]),
        ("GET", "/funland/v1/models/", None, [200, 404]),
    ],
)  # fmt: skip
async def test_what_differs(
    front: Front, method: str, path: str, body: bytes | None, statuses: list[int]
) -> None:
    seen: list[int] = []
    headers = {"content-type": "application/json"} if body is not None else {}
    for url in (front.url, front.stack.http_url):
        async with (
            aiohttp.ClientSession(url) as http,
            http.request(method, path, data=body, headers=headers) as answer,
        ):
            await answer.read()
            seen.append(answer.status)

    assert seen == statuses
