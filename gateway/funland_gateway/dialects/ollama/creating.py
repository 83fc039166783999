"""`/api/create` and `/api/copy`: models of files, of blobs and of other models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from funland.v1.models_pb2 import ImportModelRequest, Model, ModelDefaults
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Unary
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.ollama.blobs import with_file
from funland_gateway.dialects.ollama.generation import refuse
from funland_gateway.dialects.ollama.messages import message_field_name, read_messages
from funland_gateway.dialects.ollama.models import NOTHING
from funland_gateway.dialects.ollama.names import asked_name, plain
from funland_gateway.dialects.ollama.options import NUM_CTX, Options, read_options
from funland_gateway.dialects.ollama.pulling import SUCCESS
from funland_gateway.dialects.reading import JsonObject, invalid, missing, unsupported
from funland_gateway.dialects.rpcs import IMPORT_MODEL
from funland_gateway.streams import LINE_STREAM, json_line

REFUSED: Final[Mapping[str, str]] = {
    "quantize": "no model is quantized: create it of a file that is.",
    "license": "a model has the license that its file tells.",
}
"""Fields that are refused unless they are empty, and why."""

_PARAMETERS: Final = "parameters"
_ONE: Final = "must hold one file: a model of several is imported by its path on the server."
_NAMES: Final = {
    "path": "from",
    "base_model": "from",
    "file_id": "files",
    "adapter_file_id": "adapters",
    "model_id": "model",
    "aliases[0]": "model",
    "system_message": "system",
    "ollama_template": "template",
    "context_length": f"{_PARAMETERS}.{NUM_CTX}",
}
_COPY_NAMES: Final = {
    "base_model": "source",
    "model_id": "destination",
    "aliases[0]": "destination",
}
_NO_ID: Final = re.compile(r"[^a-z0-9._-]+")
_LONGEST_ID: Final = 96
_TOLD: Final = 64
"""Of a file's name in an error; it is used for nothing else."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for a model that still lacks the ids of its blobs."""

    message: ImportModelRequest
    options: Options
    answer: Callable[[Model], Reply]

    def call(self) -> Unary:
        return Unary(IMPORT_MODEL, self.message, self.answer, self._field_name)

    def _field_name(self, path: str) -> str:
        told = self.options.field_name(path.removeprefix("defaults."))
        return message_field_name(renamed(told, _NAMES))


def create(incoming: Incoming) -> Unary:
    """Reads a request for a model, and has its blobs found."""
    body = incoming.body
    refuse(body, REFUSED)
    message = _named(plain(asked_name(body)), "model")
    streams = body.boolean("stream") is not False
    options = read_options(body, _PARAMETERS)
    message.defaults.CopyFrom(_defaults(body, options))
    asked = _Asked(message, options, lambda _: _succeeded(streams))
    weights, adapter = _blob(body, "files"), _blob(body, "adapters")
    origin = body.optional_string("from")
    if weights and origin:
        raise invalid("files", "can't be together with from: leave one of them out")
    if not weights and not origin:
        raise missing("from")
    if origin.startswith("/"):
        message.path = origin
    elif origin:
        message.base_model = plain(origin)

    def with_adapter(file_id: str) -> Step:
        message.adapter_file_id = file_id
        return asked.call()

    def adapted() -> Unary:
        return with_file(adapter[1], adapter[0], with_adapter) if adapter else asked.call()

    def with_weights(file_id: str) -> Step:
        message.file_id = file_id
        return adapted()

    return with_file(weights[1], weights[0], with_weights) if weights else adapted()


def copy(incoming: Incoming) -> Unary:
    """Reads a request for another model of the same files."""
    message = _named(plain(incoming.body.string("destination")), "destination")
    message.base_model = plain(incoming.body.string("source"))

    def answer(_: Model) -> Reply:
        return NOTHING

    return Unary(IMPORT_MODEL, message, answer, lambda path: _COPY_NAMES.get(path, path))


def id_of(name: str, path: str = "model") -> str:
    """A model's id for a name of Ollama's: `me/Mine:1b` gives `me-mine-1b`."""
    made = _NO_ID.sub("-", name.lower()).strip("-._")[:_LONGEST_ID].rstrip("-._")
    if not made:
        raise invalid(path, "must have a letter or a digit")
    return made


def _named(name: str, path: str) -> ImportModelRequest:
    model_id = id_of(name, path)
    aliases = [] if name == model_id else [name]
    return ImportModelRequest(model_id=model_id, aliases=aliases, replace=True)


def _defaults(body: JsonObject, options: Options) -> ModelDefaults:
    defaults = ModelDefaults(
        sampling=options.sampling.parameters,
        system_message=body.optional_string("system"),
        messages=read_messages(body),
        context_length=options.context_length,
    )
    if template := body.optional_string("template"):
        defaults.ollama_template = template
    return defaults


def _blob(body: JsonObject, name: str) -> tuple[str, str] | None:
    """The field and the digest of the only blob of several that a field may name."""
    files = body.object(name)
    named = [] if files is None else list(files.items())
    if not named:
        return None
    if len(named) > 1:
        raise unsupported(body.path_of(name), _ONE)
    field = f"{body.path_of(name)}.{named[0][0][:_TOLD]}"
    digest = named[0][1]
    if not isinstance(digest, str):
        raise invalid(field, "must be a text: the digest of a blob")
    return field, digest


def _succeeded(streams: bool) -> Reply:
    line: dict[str, Any] = {"status": SUCCESS}
    if streams:
        return Reply(json_line(orjson.dumps(line)), LINE_STREAM)
    return Reply(orjson.dumps(line))
