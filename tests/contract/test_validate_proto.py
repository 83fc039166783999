"""The copy of `buf/validate/validate.proto` that the contract compiles with is the one that
protovalidate reads its rules by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from buf.validate import validate_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from protovalidate._gen.buf.validate import validate_pb  # the package has no public way to it


def test_both_have_the_same_names_numbers_and_types() -> None:
    ours = FileDescriptorProto.FromString(validate_pb2.DESCRIPTOR.serialized_pb)
    theirs = FileDescriptorProto.FromString(validate_pb.Rule.desc().file.proto.to_binary())

    assert (ours.name, ours.package, ours.syntax) == (theirs.name, theirs.package, theirs.syntax)
    assert dict(entries(ours)) == dict(entries(theirs))
    assert len(dict(entries(ours))) > 200


def entries(file: FileDescriptorProto) -> Iterator[tuple[str, object]]:
    """Every message, field, enum value and extension, with all that the wire knows of it."""
    for message in file.message_type:
        yield from of_message(message, message.name)
    for enum in file.enum_type:
        yield from of_enum(enum, enum.name)
    yield from of_fields(file.extension, "")


def of_message(message: DescriptorProto, name: str) -> Iterator[tuple[str, object]]:
    yield name, [(each.start, each.end) for each in message.extension_range]
    yield from of_fields(message.field, name)
    yield from of_fields(message.extension, name)
    for nested in message.nested_type:
        yield from of_message(nested, f"{name}.{nested.name}")
    for enum in message.enum_type:
        yield from of_enum(enum, f"{name}.{enum.name}")


def of_fields(fields: Iterable[FieldDescriptorProto], name: str) -> Iterator[tuple[str, object]]:
    for field in fields:
        group = field.oneof_index if field.HasField("oneof_index") else None
        yield (
            f"{name}.{field.name}",
            (field.number, field.label, field.type, field.type_name, field.extendee, group),
        )


def of_enum(enum: EnumDescriptorProto, name: str) -> Iterator[tuple[str, object]]:
    for value in enum.value:
        yield f"{name}.{value.name}", value.number
