"""Makes the calls of a workload: the same bytes for the same description, seed and vocabulary.

What a chat sends back as its earlier answers are the trace's own words and not what the server
wrote: so all servers get the same bytes, and none has them in its cache from writing them.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from tools.bench.prompts import passage
from tools.bench.vocabulary import words
from tools.bench.workloads.description import Group, Span, Workload
from tools.bench.workloads.instances import instance

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"

_WHITESPACE = {str(token): -100 for token in (197, 198, 201, 220)}
"""Tab, line feed, carriage return and space, as byte-level vocabularies number them: how much of it
a schema allows is each server's own choice, and answers would be of different lengths. Schemas of
traces have no `true` or `false`: a token may be a space with the beginning of such a word."""

Messages = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    path: str
    body: bytes
    pause: float = 0
    """Seconds after the answer before has ended."""
    leaves: int = 0
    """After how many pieces of text its caller is gone; 0: it stays to the end."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Calls that one makes after the other."""

    group: str
    number: int
    at: float
    """Seconds from the trace's begin to the first call."""
    calls: tuple[Call, ...]


def trace(workload: Workload, vocabulary: int, models: Sequence[str]) -> list[Conversation]:
    """All conversations by their begin; `models` are names, as many as the workload has."""
    made = [
        conversation
        for group in workload.groups
        for conversation in _Writer(workload.seed, group, vocabulary, models).conversations()
    ]
    return sorted(made, key=lambda one: one.at)


def digest(conversations: Sequence[Conversation]) -> str:
    """What tells one trace from others: the SHA-256 of all that it sends."""
    seen = hashlib.sha256()
    for conversation in conversations:
        for call in conversation.calls:
            seen.update(f"{conversation.at} {call.pause} {call.leaves} {call.path}\n".encode())
            seen.update(call.body)
    return seen.hexdigest()


class _Writer:
    """Writes one group's conversations."""

    def __init__(self, seed: int, group: Group, vocabulary: int, models: Sequence[str]) -> None:
        self._seed = f"{seed}/{group.name}"
        self._group = group
        self._words = words(vocabulary)
        self._models = models

    def conversations(self) -> Iterator[Conversation]:
        """All of them, in the order of their begins."""
        group = self._group
        for number in range(group.count):
            at = group.begin + group.over * number / group.count
            chance = self._chance(f"conversation/{number}")
            model = self._models[group.models[number % len(group.models)]]
            calls = tuple(self._calls(chance, number, model))
            yield Conversation(group.name, number, at, calls)

    def _calls(self, chance: random.Random, number: int, model: str) -> Iterator[Call]:
        group = self._group
        leaving = group.leaving
        leaves = leaving is not None and number % leaving.every == leaving.every - 1
        history: Messages = []
        for turn in range(group.turns):
            pause = chance.uniform(*group.pause) if turn else 0.0
            again = group.rewriting
            if again is not None and turn and turn % again.every == 0:
                del history[-2 * again.turns :]
                for _ in range(again.turns):
                    history += self._turn(chance, number)
            message = _message("user", self._asked(chance, number))
            pieces = _drawn(chance, leaving.pieces) if leaving and leaves else 0
            yield self._call(model, [*history, message], message["content"], pause, pieces)
            history += [message, _message("assistant", self._answer(chance))]

    def _call(self, model: str, messages: Messages, text: str, pause: float, leaves: int) -> Call:
        if self._group.kind == "embedding":
            body: dict[str, Any] = {"model": model, "input": text}
            return Call(EMBEDDINGS, orjson.dumps(body), pause)
        body = {
            "model": model,
            "messages": [*self._system, *messages],
            "temperature": 0,
            "max_tokens": self._group.answer,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if (schema := self._group.answer_schema) is None:
            body["ignore_eos"] = True
        else:
            inner = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": inner}
            body["logit_bias"] = _WHITESPACE
        return Call(CHAT, orjson.dumps(body), pause, leaves)

    @cached_property
    def _system(self) -> Messages:
        if not self._group.system:
            return []
        return [_message("system", self._passage(self._chance("system"), self._group.system))]

    @cached_property
    def _documents(self) -> list[str]:
        about = self._group.documents
        if about is None:
            return []
        chances = (self._chance(f"document/{number}") for number in range(about.count))
        return [self._passage(chance, about.tokens) for chance in chances]

    def _asked(self, chance: random.Random, number: int) -> str:
        question = self._passage(chance, _drawn(chance, self._group.message))
        if not self._documents:
            return question
        document = self._documents[number % len(self._documents)]
        before = number // len(self._documents) % 2 == 0
        return "\n\n".join([document, question] if before else [question, document])

    def _answer(self, chance: random.Random) -> str:
        schema = self._group.answer_schema
        if schema is None:
            return self._passage(chance, self._group.answer)
        return orjson.dumps(instance(schema, self._words, chance)).decode()

    def _turn(self, chance: random.Random, number: int) -> Messages:
        asked = _message("user", self._asked(chance, number))
        return [asked, _message("assistant", self._answer(chance))]

    def _passage(self, chance: random.Random, tokens: int) -> str:
        return passage(self._words, tokens, chance)

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self._seed}/{what}")  # noqa: S311 - the same each time


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _drawn(chance: random.Random, span: Span) -> int:
    """A length: as many are between 100 and 200 as between 1,000 and 2,000."""
    least, most = span
    return round(math.exp(chance.uniform(math.log(least), math.log(most))))
