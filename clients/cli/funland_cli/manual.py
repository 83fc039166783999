"""The manual of all commands, as a page for `man`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_ESCAPES: Final = {"\\": "\\e", "-": "\\-", "'": "\\(aq"}


def page(group: Any, name: str, version: str) -> str:
    """The page of a program with subcommands, in roff's `man` macros. `group` is Click's."""
    context = group.make_context(name, [], resilient_parsing=True)
    parts = [
        f'.TH {name.upper()} 1 "" "{name} {_escaped(version)}"',
        ".SH NAME",
        f"{name} \\- {_escaped(_first(group.help))}",
        ".SH SYNOPSIS",
        f".B {name}",
        "[options] command [arguments]",
        ".SH OPTIONS",
        *_options(group, context),
        ".SH COMMANDS",
    ]
    for command, found in group.commands.items():
        parts += _command(found, f"{name} {command}", context)
    parts += _epilog(group.epilog, ".SH")
    return "\n".join(parts) + "\n"


def _command(command: Any, path: str, parent: Any) -> Iterator[str]:
    """A command, and those under it."""
    context = command.make_context(path, [], parent=parent, resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_escaped(path)} {_escaped(usage)}"
    for paragraph in (command.help or "").replace("\b", "").strip().split("\n\n"):
        yield from (".PP", _escaped(" ".join(paragraph.split())))
    yield from _options(command, context)
    yield from _epilog(command.epilog, ".PP")
    commands: Mapping[str, Any] = getattr(command, "commands", {})
    for name, found in commands.items():
        yield from _command(found, f"{path} {name}", context)


def _options(command: Any, context: Any) -> Iterator[str]:
    """What it takes, each with what it means."""
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is None:
            continue
        names, meaning = record
        yield from (".TP", f".B {_escaped(names)}", _escaped(" ".join(meaning.split())))


def _epilog(text: str | None, heading: str) -> Iterator[str]:
    """Blocks that stand as they are, each under its first line."""
    for block in (text or "").split("\b"):
        lines = block.strip("\n").splitlines()
        if not lines:
            continue
        title, *rest = lines
        yield f"{heading} {_escaped(title.rstrip(':').upper())}" if heading == ".SH" else heading
        if heading != ".SH":
            yield _escaped(title)
        yield from (".nf", *(f"\\&{_escaped(line)}" for line in rest), ".fi")


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _escaped(text: str) -> str:
    """Words that roff leaves as they are: a line of them begins no request."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
