"""Takes passwords and keys: at a terminal without showing them, or from standard input.

No option takes a secret itself: whoever may list the processes of a machine could read it.
"""

from __future__ import annotations

import sys
from typing import Final

import typer

from funland_cli.failures import CommandError, ExitCode

STANDARD_INPUT: Final = "-"


def secret(given: str | None, option: str, prompt: str, *, twice: bool = False) -> str:
    """A secret: the first line of standard input if `-` was given, else what is typed.

    Raises CommandError if something else was given, or there is no terminal to ask at; neither
    tells what was given.
    """
    if given == STANDARD_INPUT:
        return _line(option)
    if given is not None:
        raise CommandError(
            f"{option} takes - alone: others could read here what stands in a command.",
            hint=f"Give it on standard input: {option} -",
            exit_code=ExitCode.USAGE,
        )
    check_terminal(option)
    return typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)


def check_terminal(option: str) -> None:
    """Raises CommandError if nobody can be asked for what an option would say."""
    if not sys.stdin.isatty():
        given = f"{option} -" if option in ("--password", "--key") else option
        raise CommandError(
            "There is no terminal to ask at.",
            hint=f"Give it with: {given}",
            exit_code=ExitCode.USAGE,
        )


def _line(option: str) -> str:
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise CommandError(f"{option} -: standard input has no line.", exit_code=ExitCode.USAGE)
    return line
