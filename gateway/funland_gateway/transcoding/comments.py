"""Reads the contract's comments, which the generated Python leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

# Numbers of fields in descriptor.proto, of which source locations' paths are made.
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_ENUM_VALUE = 2
_SERVICE_METHOD = 2

Path = tuple[int, ...]


def contract_comments() -> Mapping[str, str]:
    """The comments of all public services, methods, messages, fields and enums, by full name.

    An enum's value goes by the enum's full name, a dot and its own. They come from
    `contract.binpb`, which `tools/proto/generate.sh` writes.
    """
    data = resources.files("funland_gateway.transcoding").joinpath("contract.binpb").read_bytes()
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(data).file:
        by_path = {
            tuple(location.path): location.leading_comments
            for location in file.source_code_info.location
        }
        for name, path in _names(file):
            if comment := by_path.get(path):
                # A line of a comment begins with the space after its slashes.
                lines = [line.removeprefix(" ") for line in comment.splitlines()]
                found[name] = "\n".join(lines).strip()
    return found


def _names(file: FileDescriptorProto) -> Iterator[tuple[str, Path]]:
    for index, message in enumerate(file.message_type):
        yield from _message(message, f"{file.package}.{message.name}", (_FILE_MESSAGE, index))
    for index, enum in enumerate(file.enum_type):
        yield from _enum(enum, f"{file.package}.{enum.name}", (_FILE_ENUM, index))
    for index, service in enumerate(file.service):
        name, path = f"{file.package}.{service.name}", (_FILE_SERVICE, index)
        yield name, path
        for number, method in enumerate(service.method):
            yield f"{name}.{method.name}", (*path, _SERVICE_METHOD, number)


def _message(message: DescriptorProto, name: str, path: Path) -> Iterator[tuple[str, Path]]:
    yield name, path
    for index, field in enumerate(message.field):
        yield f"{name}.{field.name}", (*path, _MESSAGE_FIELD, index)
    for index, nested in enumerate(message.nested_type):
        yield from _message(nested, f"{name}.{nested.name}", (*path, _MESSAGE_NESTED, index))
    for index, enum in enumerate(message.enum_type):
        yield from _enum(enum, f"{name}.{enum.name}", (*path, _MESSAGE_ENUM, index))


def _enum(enum: EnumDescriptorProto, name: str, path: Path) -> Iterator[tuple[str, Path]]:
    yield name, path
    for index, value in enumerate(enum.value):
        yield f"{name}.{value.name}", (*path, _ENUM_VALUE, index)
