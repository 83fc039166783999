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
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

MEMORY_BYTES = 512 * 1024**2
"""Address space of this process; an ordinary template needs under 60 MB."""

OUTPUT_CHARACTERS = 16 * 1024**2

_MESSAGE_CHARACTERS = 300
"""Of an error's own words, which go to the caller in a gRPC trailer of at most 8 KB."""


class _OutputTooLargeError(Exception):
    pass


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
        prompt = _render(compiled, request["messages"])
        return {"prompt": prompt}

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


def _render(compiled: Any, messages: list[dict[str, str]]) -> str:
    pieces: list[str] = []
    size = 0
    for piece in compiled.generate(messages=messages, add_generation_prompt=True):
        size += len(piece)
        if size > OUTPUT_CHARACTERS:
            raise _OutputTooLargeError
        pieces.append(piece)
    return "".join(pieces)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    # What Hugging Face's renderer offers, for which these templates are written.
    environment.filters["tojson"] = _tojson
    # Jinja's own types take its built-in globals for all that there can be.
    names: dict[str, Any] = environment.globals
    names["raise_exception"] = _raise
    names["strftime_now"] = _now
    return environment


def _tojson(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> NoReturn:
    raise TemplateError(str(message))


def _now(form: str) -> str:
    return datetime.datetime.now().astimezone().strftime(form)


if __name__ == "__main__":
    main()
