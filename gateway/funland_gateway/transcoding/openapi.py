"""Writes the OpenAPI 3.1 document of all that the gateway serves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

from google.api.httpbody_pb2 import HttpBody

from funland.v1.errors_pb2 import Error
from funland_gateway.streams import Framing
from funland_gateway.transcoding.comments import contract_comments
from funland_gateway.transcoding.native import NDJSON, SSE
from funland_gateway.transcoding.routes import Route
from funland_gateway.transcoding.schemas import Schema, Schemas, is_required

_ALL = """\
A local AI service. The paths under `/funland/v1` are the JSON form of the gRPC contract; the others
speak the shapes of other APIs.
"""
_ONE = """\
A local AI service, by one of the APIs that it speaks.
"""
_ANY_CALL = """
Any call may carry `x-request-id` (up to 64 letters, digits, `.`, `_` and `-`; sent back, and found
in the logs) and `x-request-timeout` (seconds until the call fails with DEADLINE_EXCEEDED).
"""
_STREAM = (
    "As they come: server-sent events, or a line of JSON each if `Accept` asks for it. They lack "
    "texts, lists and maps that are empty. The last event is `end`, or `error` with an `Error`; a "
    "stream without it has failed."
)

_SOCKET = """\
The connection is a WebSocket now. What is sent and told are texts, each a message in JSON, as
`x-websocket` says; what is told lacks texts, lists and maps that are empty. The path's variables
belong to the first message. `open` may be left out, or said by parameters of the URL such as
`open.after=7`. What can't be read or done is `rejected`, and the conversation goes on. The last
message is `end`, or `error` with an `Error`; a WebSocket without it has failed. It closes with 1000
after `end`, 1001 when the server stops, 1003 after what is no text, 1008 when the call was refused,
1009 after a message that is larger than a body may be, 1011 after a defect, 1013 when it helps to
try again later.
"""


_OCTETS = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class DocumentedParameter(Protocol):
    """A query parameter of a route that is not the contract's."""

    @property
    def name(self) -> str:
        """As it is sent."""
        ...

    @property
    def description(self) -> str:
        """One sentence."""
        ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """Its JSON schema. An object's members are sent as `name[member]=value`."""
        ...


class DocumentedRoute(Protocol):
    """A route that is not the contract's."""

    @property
    def method(self) -> str:
        """HTTP's, in capitals."""
        ...

    @property
    def path(self) -> str:
        """With its variables in braces."""
        ...

    @property
    def summary(self) -> str:
        """One sentence."""
        ...

    @property
    def request_schema(self) -> Mapping[str, Any] | None:
        """The JSON schema of the body. None: there is no body."""
        ...

    @property
    def response_schema(self) -> Mapping[str, Any] | None:
        """The JSON schema of the answer. None: the answer is not JSON."""
        ...

    @property
    def streams(self) -> bool:
        """Whether the answer can be a stream."""
        ...

    @property
    def framing(self) -> Framing:
        """How a stream is written."""
        ...

    @property
    def query(self) -> Sequence[DocumentedParameter]:
        """The query parameters that are read."""
        ...

    @property
    def upgrades(self) -> bool:
        """Whether it is a WebSocket."""
        ...

    @property
    def description(self) -> str:
        """What the summary does not tell, in Markdown."""
        ...

    @property
    def form(self) -> bool:
        """Whether the body is a form with a file in it."""
        ...

    @property
    def url_encoded(self) -> bool:
        """Whether the body is a form of texts."""
        ...

    @property
    def binary(self) -> bool:
        """Whether the answer is bytes as they are."""
        ...

    @property
    def tag(self) -> str:
        """The name of the API that the route belongs to."""
        ...


def openapi_document(routes: Iterable[Route], others: Iterable[DocumentedRoute]) -> dict[str, Any]:
    """The document, ready for `orjson.dumps`. Raises `ValueError` if two routes are the same."""
    routes, others = tuple(routes), tuple(others)
    description = (_ALL if routes else _ONE) + _ANY_CALL
    comments = contract_comments()
    read = [route.rpc.input_type for route in routes if route.has_body or _is_socket(route)]
    schemas = Schemas(comments, read)
    failure: Schema = {
        "type": "object",
        "properties": {"error": schemas.reference(Error.DESCRIPTOR)},
        "required": ["error"],
        "additionalProperties": False,
        "description": "The body of every answer that is not 2xx.",
    }
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, Schema] = {}
    for route in routes:
        service = route.rpc.containing_service
        tags.setdefault(
            service.name, {"name": service.name, "description": comments[service.full_name]}
        )
        operation = _native_operation(route, schemas, comments)
        _add(paths, route.path, route.http_method, operation)
    for other in others:
        tags.setdefault(other.tag, {"name": other.tag})
        _add(paths, other.path, other.method, _other_operation(other))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Funland", "version": version("funland"), "description": description},
        "servers": [{"url": "/"}],
        "tags": list(tags.values()),
        "paths": paths,
        # Other routes have their schemas inside.
        "components": {"schemas": {**schemas.components, "Failure": failure}} if routes else {},
    }


def _add(
    paths: dict[str, dict[str, Any]], path: str, method: str, operation: dict[str, Any]
) -> None:
    operations = paths.setdefault(path, {})
    if method.lower() in operations:
        raise ValueError(f"{method} {path} is routed twice")
    operations[method.lower()] = operation


def _native_operation(
    route: Route, schemas: Schemas, comments: Mapping[str, str]
) -> dict[str, Any]:
    rpc = route.rpc
    comment = comments[rpc.full_name]
    in_path = {field.name for field in route.variables}
    operation: dict[str, Any] = {
        "operationId": rpc.name,
        "tags": [rpc.containing_service.name],
        "summary": _first_sentence(comment),
        "description": comment,
        "responses": {
            **_worked(route, schemas),
            "default": {
                "description": "It failed.",
                "content": _json({"$ref": "#/components/schemas/Failure"}),
            },
        },
    }
    if route.has_body:
        schema = schemas.message(rpc.input_type, without=in_path)
        operation["requestBody"] = {
            "required": _wants_something(schema),
            "content": _json(schema if in_path else schemas.reference(rpc.input_type)),
        }
    if route.raw_field is not None:
        operation["requestBody"] = {
            "required": False,  # no bytes are a content too
            "description": comments[route.raw_field.full_name],
            "content": dict(_OCTETS),
        }
    parameters = [
        {
            "name": field.name,
            "in": "path" if field.name in in_path else "query",
            "required": field.name in in_path or is_required(field),
            "schema": schemas.field(field),
        }
        for field in rpc.input_type.fields
        if field.name in in_path
        or not (route.has_body or _is_socket(route) or field is route.raw_field)
    ]
    if parameters:
        operation["parameters"] = parameters
    if _is_socket(route):
        operation["x-websocket"] = {
            "send": schemas.reference(rpc.input_type),
            "receive": schemas.reference(rpc.output_type),
        }
    return operation


def _is_socket(route: Route) -> bool:
    return route.rpc.client_streaming and route.rpc.server_streaming


def _worked(route: Route, schemas: Schemas) -> dict[str, Schema]:
    """The answer when nothing failed, by its status."""
    if _is_socket(route):
        return {"101": {"description": _SOCKET}}
    return {"200": _answer(route, schemas)}


def _answer(route: Route, schemas: Schemas) -> dict[str, Any]:
    output = route.rpc.output_type
    if output.full_name == HttpBody.DESCRIPTOR.full_name:
        if route.rpc.server_streaming:
            return {"description": "The content, as it is.", "content": dict(_OCTETS)}
        return {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    schema = schemas.reference(output)
    if route.rpc.server_streaming:
        content = {SSE: {"schema": schema}, NDJSON: {"schema": schema}}
        return {"description": _STREAM, "content": content}
    return {"description": "It worked.", "content": _json(schema)}


def _other_operation(route: DocumentedRoute) -> dict[str, Any]:
    slug = re.sub(r"[^A-Za-z0-9]+", "_", route.path).strip("_")
    content = _json(dict(route.response_schema)) if route.response_schema is not None else {}
    if route.binary:
        content |= _OCTETS
    if route.streams:
        content[route.framing.media_type] = {"schema": {"type": "string"}}
    worked: dict[str, Schema] = (
        {"101": {"description": "The connection is a WebSocket now."}}
        if route.upgrades
        else {"200": {"description": "It worked.", **({"content": content} if content else {})}}
    )
    operation: dict[str, Any] = {
        "operationId": f"{route.tag}_{route.method.lower()}_{slug}",
        "tags": [route.tag],
        "summary": route.summary,
        "responses": {
            **worked,
            "default": {"description": "It failed; the body is as this API has it."},
        },
    }
    if route.description:
        operation["description"] = route.description
    if route.request_schema is not None:
        operation["requestBody"] = {
            "required": _wants_something(route.request_schema),
            "content": {_body_type(route): {"schema": dict(route.request_schema)}},
        }
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    if in_path or route.query:
        operation["parameters"] = [*in_path, *(_query_parameter(each) for each in route.query)]
    return operation


def _body_type(route: DocumentedRoute) -> str:
    if route.url_encoded:
        return "application/x-www-form-urlencoded"
    return "multipart/form-data" if route.form else "application/json"


def _query_parameter(parameter: DocumentedParameter) -> dict[str, Any]:
    told = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
    return {**told, "style": "deepObject"} if parameter.schema["type"] == "object" else told


def _wants_something(schema: Mapping[str, Any]) -> bool:
    """Whether an empty object, which is what no body at all is read as, is refused. A rule between
    fields has an `else` for when its first field is not there."""
    if "anyOf" in schema:
        return all(_wants_something(form) for form in schema["anyOf"])
    return "required" in schema or ("else" in schema and _wants_something(schema["else"]))


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _first_sentence(comment: str) -> str:
    return re.split(r"(?<=\.)\s", comment, maxsplit=1)[0].replace("\n", " ")
