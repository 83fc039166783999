"""A process that does nothing but compile constraints: a hostile one can only hurt itself.

It reads lines of JSON and answers each with one: first the marks of the vocabulary, then
constraints, each answered by the grammar that it makes, or by what is wrong with it. llguidance
counts its steps and gives up after so many, but not in everything that it does; one that takes too
long nevertheless is ended by the kernel's alarm, and one that takes too much memory or stack ends
by itself. What was compiled here can be compiled in the worker, where it takes as long and no more.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Any

from llguidance import LLTokenizer, TokenizerWrapper

from funland_worker.constraints.constraint import Constraint, SchemaRule
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.grammar import SPECIAL, matcher, to_grammar

MEMORY_BYTES = 512 * 1024**2
"""Address space of this process; an ordinary constraint needs under 100 MB."""

STACK_BYTES = 4 * 1024**2
"""Half of what a thread of the worker has."""

CPU_SECONDS = 2.0


def main() -> None:
    """Serves the constraints of its standard input until that ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, STACK_BYTES))
    vocabulary = _stand_in(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        result = _answer(json.loads(line), vocabulary)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def _answer(request: dict[str, Any], vocabulary: LLTokenizer) -> dict[str, Any]:
    try:
        rules = tuple(SchemaRule(**rule) for rule in request["schemas"])
        grammar = to_grammar(Constraint(request["kind"], request["text"], rules))
        matcher(grammar, vocabulary)
    except MemoryError:
        return {"problem": "it takes too much memory", "limit": True}
    except GrammarError as error:
        return {"problem": error.message, "limit": error.limit}
    return {"grammar": grammar}


def _stand_in(setup: dict[str, Any]) -> LLTokenizer:
    """A vocabulary of single bytes and of the marks that the real one has, at their ids."""
    marks: dict[int, str] = {int(token): name for token, name in setup["marks"].items()}
    size = max(setup["size"], 256 + len(marks))
    free = (token for token in range(size) if token not in marks)
    tokens = [b""] * size
    for byte, token in zip(range(256), free, strict=False):
        tokens[token] = bytes([byte])
    for token, name in marks.items():
        tokens[token] = SPECIAL + name.encode()
    ends: list[int] = setup["ends"]
    return LLTokenizer(TokenizerWrapper(_Bytes(tokens, ends[0])), n_vocab=size, eos_token=ends)


class _Bytes:
    def __init__(self, tokens: list[bytes], end: int) -> None:
        self.tokens = tokens
        self.eos_token_id = end
        self.bos_token_id = None
        self.special_token_ids: list[int] = []
        self._by_byte = {token: number for number, token in enumerate(tokens)}

    def __call__(self, text: bytes) -> list[int]:
        return [self._by_byte[bytes([byte])] for byte in text]


if __name__ == "__main__":
    main()
