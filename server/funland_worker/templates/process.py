"""A process that does nothing but render one chat template: a hostile one can only hurt itself.

It reads lines of JSON and answers each with one. The first line is the template and its marks, and
is answered when the template compiles; each further line is a conversation. A template that runs
too long is ended by the kernel's alarm, in whatever C function it is; one that takes too much
memory gets MemoryError from `RLIMIT_AS`. Jinja folds constants when it compiles, so compiling is
limited too.
"""

from __future__ import annotations

import datetime
import json
import resource
import signal
import sys
from collections.abc import Iterable
from types import GeneratorType
from typing import Any, NoReturn, cast

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY_BYTES = 512 * 1024**2
"""Address space of this process; an ordinary template needs under 60 MB."""

OUTPUT_CHARACTERS = 16 * 1024**2

_MESSAGE_CHARACTERS = 300
"""Of an error's own words, which go to the caller in a gRPC trailer of at most 8 KB."""


class _OutputTooLargeError(Exception):
    pass


class _Arguments(dict[str, Any]):
    """The arguments of a call. Some templates want an object here, some its JSON text: it is the
    one, and becomes the other where text is wanted."""

    def __str__(self) -> str:
        return _tojson(self)

    def __add__(self, other: str) -> str:
        return f"{self}{other}"

    def __radd__(self, other: str) -> str:
        return f"{other}{self}"


class _Generation(Extension):
    """`{% generation %}` marks what a model learns to write; here it only holds its content."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own type

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The statement's body, in place of the statement."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def main() -> None:
    """Serves the template of its standard input until that ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    setup: dict[str, Any] = json.loads(sys.stdin.readline())
    seconds: float = setup["seconds"]
    compiled: Any = None

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal compiled
        if compiled is None:
            compiled = _environment().from_string(setup["template"], globals=setup["marks"])
            return {}
        return {"prompt": _render(compiled, request)}

    request: dict[str, Any] = setup
    while True:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        result = _outcome(answer, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)


def _outcome(answer: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return answer(request)
    except MemoryError:
        return {"limit": "memory"}
    except _OutputTooLargeError:
        return {"limit": "output"}
    except RecursionError:
        return {"limit": "recursion"}
    except TemplateError as error:
        return {"error": (error.message or type(error).__name__)[:_MESSAGE_CHARACTERS]}
    except Exception as error:  # a template may raise anything that Python can
        return {"error": f"{type(error).__name__}: {error}"[:_MESSAGE_CHARACTERS]}


def _render(compiled: Any, variables: dict[str, Any]) -> str:
    for message in variables["messages"]:
        for call in message.get("tool_calls", ()):
            if not isinstance(call["function"]["arguments"], str):
                call["function"]["arguments"] = _Arguments(call["function"]["arguments"])
    pieces: list[str] = []
    size = 0
    for piece in compiled.generate(variables):
        size += len(piece)
        if size > OUTPUT_CHARACTERS:
            raise _OutputTooLargeError
        pieces.append(piece)
    return "".join(pieces)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
    )
    # What Hugging Face's renderer offers, for which these templates are written.
    environment.filters["tojson"] = _tojson
    # Jinja's own types take its built-in globals for all that there can be.
    names: dict[str, Any] = environment.globals
    names["raise_exception"] = _raise
    names["strftime_now"] = _now
    return environment


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        list(cast("Iterable[Any]", value)) if isinstance(value, GeneratorType) else value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: str) -> NoReturn:
    raise TemplateError(str(message))


def _now(form: str) -> str:
    return datetime.datetime.now().astimezone().strftime(form)


if __name__ == "__main__":
    main()
