"""The process that has one build hold chats whose answers are written otherwise when they are sent
back: `python turns_probe.py`, with the build on PYTHONPATH.

It is told by lines of JSON on its standard input, and answers with one line each: first the model
(`{"model", "threads", "slots"}`), then any number of times what to hold (`Talk`'s fields). It
imports nothing but the engine, so that it runs with any build of it.
"""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.llama_cpp import loading
from funland_worker.engines.protocol import Engine, Prompt, Sampling

_CONTEXT = 4096
_LEFT_OUT = 4
"""Tokens of each answer that are not sent back, as a template leaves out thoughts."""


@dataclass(slots=True)
class Talk:
    """Chats on one system message, all at once, each of so many turns. What is said is random, and
    another with each seed."""

    seed: int
    chats: int
    turns: int
    system: int
    message: int
    answer: int


class Holding:
    """One engine, and the numbers of its texts."""

    def __init__(self, told: dict[str, Any]) -> None:
        settings = LoadSettings(
            context_length=_CONTEXT, slots=told["slots"], threads=told["threads"]
        )
        launch = Launch(
            model_path=told["model"],
            format=Model.GGUF,
            settings=settings,
            max_context_length=_CONTEXT,
            prefix_memory_bytes=512 * 1024**2,
        )
        self._engine: Engine = loading.load(launch).engine
        self._next = 0
        vocabulary = self._engine.vocabulary
        self._begin, self._end = (
            vocabulary.tokenize(mark, add_special=False, parse_special=True)[0]
            for mark in ("<|im_start|>", "<|im_end|>")
        )

    def hold(self, talk: Talk) -> dict[str, Any]:
        """What it took: seconds that passed and of the processor, tokens of prompts that were
        computed, and seconds to each turn's first token, by the turn."""
        choose = random.Random(talk.seed)  # noqa: S311 - the same each time
        system = self._message(choose, talk.system)
        chats = [[*system, *self._message(choose, talk.message)] for _ in range(talk.chats)]
        computed, firsts = 0, [list[float]() for _ in range(talk.turns)]
        how = Sampling(temperature=0, max_tokens=talk.answer, ignore_end=True)
        running: dict[int, tuple[int, int, float]] = {}

        def ask(chat: int, turn: int) -> None:
            self._next += 1
            running[self._next] = (chat, turn, perf_counter())
            prompt = [*chats[chat], self._begin, 300, 301]
            self._engine.submit(Prompt(self._next, prompt, how, perf_counter(), top_logprobs=0))

        passed, taken = perf_counter(), process_time()
        for chat in range(talk.chats):
            ask(chat, 0)
        made: dict[int, list[int]] = {}
        while not self._engine.idle:
            report = self._engine.step()
            computed += report.prompt_tokens
            for advance in report.advances:
                chat, turn, begin = running[advance.sequence_id]
                if chat not in made:
                    made[chat] = []
                    firsts[turn].append(perf_counter() - begin)
                made[chat] += [chosen.token for chosen in advance.logprobs]
                if advance.outcome is None:
                    continue
                answer = [self._begin, 300, 301, *made.pop(chat)[_LEFT_OUT:], self._end]
                chats[chat] += [*answer, *self._message(choose, talk.message)]
                if turn + 1 < talk.turns:
                    ask(chat, turn + 1)
        return {
            "passed": perf_counter() - passed,
            "processor": process_time() - taken,
            "computed": computed,
            "firsts": firsts,
        }

    def _message(self, choose: random.Random, count: int) -> list[int]:
        return [self._begin, *(choose.randrange(300, 1900) for _ in range(count)), self._end]


def main() -> None:
    """Loads the model, then holds the chats that it is told to."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    holding = Holding(json.loads(sys.stdin.readline()))
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(holding.hold(Talk(**json.loads(line)))), file=answers, flush=True)


if __name__ == "__main__":
    main()
