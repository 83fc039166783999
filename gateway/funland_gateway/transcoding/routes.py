"""Compiles the contract's `google.api.http` annotations into routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)
from google.protobuf.message import Message

from funland_gateway.failures import invalid_field
from funland_gateway.transcoding.decoder import decode
from funland_gateway.transcoding.scalars import from_text

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)(=\*\*)?\}")
"""`{name}` is one step of a path, `{name=**}` may have several."""


@dataclass(frozen=True, slots=True)
class Route:
    """An RPC at an HTTP method and path."""

    rpc: MethodDescriptor
    http_method: str
    path: str
    """As OpenAPI writes it: `/funland/v1/models/{model_id}:load`."""
    pattern: str
    """The same for aiohttp's router, which keeps the verbs of neighbours out of the variables."""
    variables: tuple[FieldDescriptor, ...]
    """The fields of the request that the path holds."""
    has_body: bool
    """Whether the other fields come from the body; else they are query parameters."""
    raw_field: FieldDescriptor | None = None
    """The field that the body is as it is, in the parts of a stream; the others are query
    parameters. None: the body is JSON, or there is none."""

    def request(
        self, body: object, path: Mapping[str, str], query: Iterable[tuple[str, str]]
    ) -> Message:
        """Makes the RPC's request from parsed JSON and decoded parts of the URL.

        What the path says wins. Raises `CallFailed` for a field that is wrong or unknown.
        """
        named = _from_query(self.rpc.input_type, query)
        value: object = named
        if self.has_body:
            for name in named:
                raise invalid_field(name, "is no query parameter of a call with a body")
            value = body
        if self.raw_field is not None and self.raw_field.name in named:
            raise invalid_field(self.raw_field.name, "is no query parameter, but the body")
        return self.opening(value, path)

    def opening(self, value: object, path: Mapping[str, str]) -> Message:
        """Makes a request of parsed JSON and the decoded path, of which the path wins; of an RPC
        that takes a stream the first. Raises `CallFailed` as `request` does."""
        if isinstance(value, dict):
            value = dict(cast("dict[str, object]", value))
            for field in self.variables:
                value.pop(field.json_name, None)
                value[field.name] = from_text(field, path[field.name])
        return decode(self.rpc.input_type, value)


def compile_routes(files: Iterable[FileDescriptor]) -> tuple[Route, ...]:
    """The routes of all services of these files.

    Raises `ValueError` for an annotation of a form that the contract doesn't use.
    """
    bindings = [
        (rpc, *_binding(rpc, rule))
        for file in files
        for service in file.services_by_name.values()
        for rpc in service.methods
        for rule in _rules(rpc)
    ]
    templates = [template for _, _, template, _ in bindings]
    return tuple(
        Route(
            rpc=rpc,
            http_method=http_method,
            path=template.replace("=**", ""),
            pattern=_pattern(template, templates),
            variables=tuple(
                rpc.input_type.fields_by_name[name] for name, _ in _VARIABLE.findall(template)
            ),
            has_body=body == "*",
            raw_field=None if body in ("", "*") else rpc.input_type.fields_by_name[body],
        )
        for rpc, http_method, template, body in bindings
    )


def _rules(rpc: MethodDescriptor) -> Iterable[HttpRule]:
    options: Any = rpc.GetOptions()  # generated stubs of options don't know their extensions
    rule: HttpRule = options.Extensions[annotations_pb2.http]
    if rule.WhichOneof("pattern"):
        yield rule
        yield from rule.additional_bindings


def _binding(rpc: MethodDescriptor, rule: HttpRule) -> tuple[str, str, str]:
    kind = rule.WhichOneof("pattern")
    uploads = rpc.client_streaming and not rpc.server_streaming
    if kind == "custom" or rule.response_body or (not uploads and rule.body not in ("", "*")):
        raise ValueError(f"{rpc.full_name}: only whole bodies and HTTP's own methods are routed")
    if uploads:
        field = rpc.input_type.fields_by_name.get(rule.body)
        if field is None or field.type != FieldDescriptor.TYPE_BYTES or field.is_repeated:
            raise ValueError(f"{rpc.full_name}: the body of an upload is a field of bytes")
    elif rpc.client_streaming and kind != "get":
        raise ValueError(f"{rpc.full_name}: what goes both ways is a WebSocket, at a path of GET")
    template: str = getattr(rule, str(kind))
    if re.search(r"[{}*]", _VARIABLE.sub("", template)):
        raise ValueError(f"{rpc.full_name}: {template} has more than plain variables")
    return str(kind).upper(), template, rule.body


def _pattern(template: str, templates: Iterable[str]) -> str:
    # `{model_id}` may hold colons, but not the `:load` of `{model_id}:load`.
    verbs = {other.removeprefix(template) for other in templates if other.startswith(template)}
    barred = "".join(f"(?<!{re.escape(verb)})" for verb in sorted(verbs) if verb.startswith(":"))
    bar = barred if template.endswith("}") else ""
    head, brace, tail = template.rpartition("}")
    marked = head + bar + brace + tail
    return re.sub(r"\{([a-z0-9_]+)(=\*\*)?", _typed, marked)


def _typed(variable: re.Match[str]) -> str:
    name, several = variable.groups()
    return f"{{{name}:[^/]+(?:/[^/]+)*" if several else f"{{{name}:[^/]+"


def _from_query(descriptor: Descriptor, query: Iterable[tuple[str, str]]) -> dict[str, object]:
    root: dict[str, object] = {}
    for key, text in query:
        _place(root, descriptor, key, text)
    return root


def _place(root: dict[str, object], descriptor: Descriptor, key: str, text: str) -> None:
    node, inside = root, descriptor
    *parents, leaf = key.split(".")
    for name in parents:
        field = _field(inside, name)
        if field is None or not _is_nested(field) or field.is_repeated:
            raise invalid_field(key, "is no query parameter here")
        node = cast("dict[str, object]", node.setdefault(field.name, {}))
        inside = cast("Descriptor", field.message_type)
    field = _field(inside, leaf)
    if field is None:
        node[leaf] = text  # the decoder says that it is unknown
    elif _is_nested(field):
        raise invalid_field(key, "is no query parameter here")
    elif field.is_repeated:
        cast("list[object]", node.setdefault(field.name, [])).append(from_text(field, text))
    elif field.name in node:
        raise invalid_field(key, "is given twice")
    else:
        node[field.name] = from_text(field, text)


def _is_nested(field: FieldDescriptor) -> bool:
    # Timestamps and durations are single values in JSON.
    kind = field.message_type
    return kind is not None and kind.file.package != "google.protobuf"


def _field(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    return descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
