"""Makes pages of the contract: one for each of its files, of what its comments say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, Final

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from funland.v1 import access_pb2
from funland.v1.access_pb2 import Access
from funland_gateway.transcoding.comments import contract_comments

FOLDER: Final = "contract"
_PACKAGE: Final = "funland.v1"


def contract_pages() -> dict[str, str]:
    """The pages, by their paths on the site; the first is their list."""
    data = resources.files("funland_gateway.transcoding").joinpath("contract.binpb").read_bytes()
    files = sorted(FileDescriptorSet.FromString(data).file, key=lambda file: file.name)
    comments = contract_comments()
    homes = {name: _stem(file) for file in files for name in _names(file)}
    pages = {f"{FOLDER}/index.md": _index(files, comments)}
    for file in files:
        pages[f"{FOLDER}/{_stem(file)}.md"] = _Page(file, comments, homes).text()
    return pages


def _stem(file: FileDescriptorProto) -> str:
    return file.name.rpartition("/")[2].removesuffix(".proto")


def _title(file: FileDescriptorProto) -> str:
    return ", ".join(service.name for service in file.service) or f"{_stem(file)}.proto"


def _names(file: FileDescriptorProto) -> Iterator[str]:
    """The full names of all messages and enums in a file."""
    for message in file.message_type:
        yield from _inner_names(message, f".{file.package}")
    for enum in file.enum_type:
        yield f".{file.package}.{enum.name}"


def _inner_names(message: DescriptorProto, outer: str) -> Iterator[str]:
    name = f"{outer}.{message.name}"
    yield name
    for inner in message.nested_type:
        yield from _inner_names(inner, name)
    for enum in message.enum_type:
        yield f"{name}.{enum.name}"


def _index(files: Sequence[FileDescriptorProto], comments: Mapping[str, str]) -> str:
    lines = [
        "# The contract",
        "",
        "What Funland can do, by services. The text is that of the comments in `proto/funland/v1`.",
        "",
        "| Service | What it is |",
        "|---|---|",
    ]
    for file in files:
        for service in file.service:
            told = _cell(comments.get(f"{file.package}.{service.name}", ""))
            lines.append(f"| [`{service.name}`]({_stem(file)}.md) | {told} |")
    others = [file for file in files if not file.service]
    links = ", ".join(f"[{_title(file)}]({_stem(file)}.md)" for file in others)
    return "\n".join([*lines, "", f"What they share: {links}.", ""])


class _Page:
    """A page that is written."""

    def __init__(
        self, file: FileDescriptorProto, comments: Mapping[str, str], homes: Mapping[str, str]
    ) -> None:
        self._file = file
        self._comments = comments
        self._homes = homes

    def text(self) -> str:
        parts = [f"# {_title(self._file)}"]
        for service in self._file.service:
            parts += self._service(service)
        types = [
            part for message in self._file.message_type for part in self._message(message, "")
        ] + [part for enum in self._file.enum_type for part in self._enum(enum, "")]
        if types:
            parts += ["## Messages and enums", *types]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _service(self, service: ServiceDescriptorProto) -> Iterator[str]:
        yield self._told(service.name)
        for rpc in service.method:
            yield f"## `{service.name}.{rpc.name}`"
            yield self._head(rpc)
            yield self._told(f"{service.name}.{rpc.name}")

    def _head(self, rpc: MethodDescriptorProto) -> str:
        options: Any = rpc.options  # its stubs don't know of extensions
        rule: HttpRule = options.Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern") or "get"
        path: str = getattr(rule, verb)
        access = Access.Rule.Name(options.Extensions[access_pb2.access])
        return "\n".join(
            [
                "| Native REST | Takes | Gives | Access |",
                "|---|---|---|---|",
                f"| `{verb.upper()} {_cell(path)}` "
                f"| {_stream(rpc.client_streaming)}{self._link(rpc.input_type)} "
                f"| {_stream(rpc.server_streaming)}{self._link(rpc.output_type)} "
                f"| `{access}` |",
            ]
        )

    def _message(self, message: DescriptorProto, outer: str) -> Iterator[str]:
        if message.options.map_entry:
            return
        name = f"{outer}{message.name}"
        yield f"### `{name}`"
        yield self._told(name)
        maps = {
            f".{_PACKAGE}.{name}.{inner.name}": inner
            for inner in message.nested_type
            if inner.options.map_entry
        }
        if message.field:
            rows = ["| Field | Type | Meaning |", "|---|---|---|"]
            for field in message.field:
                told = _cell(self._comments.get(f"{_PACKAGE}.{name}.{field.name}", ""))
                rows.append(f"| `{field.name}` | {self._type(field, maps)} | {told} |")
            yield "\n".join(rows)
        for inner in message.nested_type:
            yield from self._message(inner, f"{name}.")
        for enum in message.enum_type:
            yield from self._enum(enum, f"{name}.")

    def _enum(self, enum: EnumDescriptorProto, outer: str) -> Iterator[str]:
        name = f"{outer}{enum.name}"
        yield f"### `{name}`"
        yield self._told(name)
        rows = ["| Value | Number | Meaning |", "|---|---|---|"]
        for value in enum.value:
            told = _cell(self._comments.get(f"{_PACKAGE}.{name}.{value.name}", ""))
            rows.append(f"| `{value.name}` | {value.number} | {told} |")
        yield "\n".join(rows)

    def _type(self, field: FieldDescriptorProto, maps: Mapping[str, DescriptorProto]) -> str:
        if entry := maps.get(field.type_name):
            key, value = (self._type(part, {}) for part in entry.field)
            return f"map of {key} to {value}"
        repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
        if field.type_name:
            kind = self._link(field.type_name)
        else:
            scalar = FieldDescriptorProto.Type.Name(field.type)
            kind = f"`{scalar.removeprefix('TYPE_').lower()}`"
        return f"list of {kind}" if repeated else kind

    def _link(self, full_name: str) -> str:
        """A type's name; one of the contract leads to where it is told."""
        short = full_name.removeprefix(f".{_PACKAGE}.")
        home = self._homes.get(full_name)
        if home is None:
            return f"`{full_name.removeprefix('.')}`"
        page = "" if home == _stem(self._file) else f"{home}.md"
        return f"[`{short}`]({page}#{anchor(short)})"

    def _told(self, name: str) -> str:
        return _paragraphs(self._comments.get(f"{_PACKAGE}.{name}", ""))


def anchor(heading: str) -> str:
    """The name by which a heading can be linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _stream(streams: bool) -> str:
    return "a stream of " if streams else ""


def _paragraphs(comment: str) -> str:
    """A comment as Markdown: a list begins after an empty line, and marks of HTML are none."""
    lines: list[str] = []
    for line in comment.splitlines():
        if line.startswith("- ") and lines and lines[-1] and not _in_list(lines):
            lines.append("")
        lines.append(line)
    return _plain("\n".join(lines))


def _in_list(lines: Sequence[str]) -> bool:
    """Whether the last lines are an item of a list."""
    for line in reversed(lines):
        if not line:
            return False
        if line.startswith("- "):
            return True
        if not line.startswith(" "):
            return False
    return False


def _cell(comment: str) -> str:
    """A comment in one line of a table."""
    text = re.sub(r"\n\s*\n", "<br>", _plain(comment))
    text = re.sub(r"\n- ", "<br>• ", text)
    return " ".join(text.split()).replace("|", "&#124;")


def _plain(text: str) -> str:
    """Angle brackets outside of code, which Markdown would take for HTML."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)
