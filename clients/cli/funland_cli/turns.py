"""A conversation at a terminal: reads what is typed and does it, until that is to leave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from funland_cli.failures import CommandError, ExitCode
from funland_cli.output import Output
from funland_cli.told_failures import failure_of
from funland_client import FunlandError


@dataclass(frozen=True, slots=True)
class Turn:
    """What is typed with a slash before it."""

    summary: str
    run: Callable[[str], None]
    """Takes what stands behind it, which may be empty."""
    behind: str = ""
    """What the help shows there."""


def hold(
    output: Output, greeting: str, answer: Callable[[str], None], commands: Mapping[str, Turn]
) -> None:
    """Answers what is typed until the end is."""
    if output.as_json:
        raise CommandError(
            "A conversation has no JSON.",
            hint='Give the message: funland chat --json "Hello"',
            exit_code=ExitCode.USAGE,
        )
    with contextlib.suppress(ImportError):  # Some builds of Python lack it.
        import readline  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] - gives input() its line editing
    output.line(f"{greeting} /help lists the commands, Ctrl-D leaves.", "dim")
    on = True
    while on:
        # Around all of it: Ctrl-C may come between any two lines.
        try:
            on = _take(output, answer, commands)
        except KeyboardInterrupt:
            output.line()
            output.line("Ctrl-D leaves.", "dim")


def _take(output: Output, answer: Callable[[str], None], commands: Mapping[str, Turn]) -> bool:
    """Reads a line and does what it says; False if that is to leave."""
    try:
        line = input("> ").strip()
    except EOFError:
        output.line()
        return False
    name, _, behind = line.partition(" ")
    if name == "/exit":
        return False
    if name == "/help":
        output.line(_help(commands), "dim")
    elif name in commands:
        try:
            commands[name].run(behind.strip())
        except FunlandError as error:
            output.failure(failure_of(error))
    elif name.startswith("/"):
        output.line(f"No command {name}; /help lists them.", "dim")
    elif line:
        answer(line)
    return True


def _help(commands: Mapping[str, Turn]) -> str:
    rows = [
        ("/help", "this list"),
        *((f"{name} {turn.behind}".rstrip(), turn.summary) for name, turn in commands.items()),
        ("/exit", "leave, as Ctrl-D does"),
        ("Ctrl-C", "stop the answer"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {summary}" for name, summary in rows)
