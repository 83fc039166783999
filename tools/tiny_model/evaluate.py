"""Scores the model by topic, on prompts that were held out of its training text."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

from tools.tiny_model.chat import Conversation
from tools.tiny_model.corpus import TOPICS, is_held_out, memory, sample_exchange
from tools.tiny_model.corpus.topic import Topic
from tools.tiny_model.engines import Engine, LlamaCppEngine, TorchEngine

ATTEMPTS = 20_000


def examples(topic: Topic, rng: random.Random, count: int) -> Iterator[Conversation]:
    """Up to `count` different conversations whose last prompt is held out, if the topic's are."""
    asked: set[str] = set()
    for _ in range(ATTEMPTS):
        turns = topic.sample(rng)
        prompt = turns[-1].user
        if prompt not in asked and (not topic.examined or is_held_out(prompt)):
            asked.add(prompt)
            yield Conversation(turns)
        if len(asked) == count:
            return


def recollections(rng: random.Random, count: int) -> Iterator[Conversation]:
    """Conversations that tell something, talk of something else and ask for what was told."""
    for _ in range(count):
        told, asked = memory.remembered(rng)
        yield Conversation((told, *sample_exchange(rng), asked))


def score(engine: Engine, conversations: Iterator[Conversation], temperature: float) -> list[bool]:
    """For each conversation, whether the answer to its last question is right."""
    return [
        conversation.turns[-1].accepts(engine.answer(conversation, temperature))
        for conversation in conversations
    ]


def report(engine: Engine, seed: int, count: int, temperature: float) -> Iterator[str]:
    """The lines of a Markdown table, as they become known, and the mean under them."""
    yield "| topic | prompts | right | of |"
    yield "|---|---|---:|---:|"
    shares: list[float] = []
    for topic in TOPICS:
        rng = random.Random(f"{seed} {topic.name}")
        results = score(engine, examples(topic, rng, count), temperature)
        if results:
            shares.append(sum(results) / len(results))
            kind = "held out" if topic.examined else "trained"
            yield f"| {topic.name} | {kind} | {sum(results)} | {len(results)} |"
    results = score(engine, recollections(random.Random(seed), count), temperature)
    shares.append(sum(results) / len(results))
    yield f"| memory | new names | {sum(results)} | {len(results)} |"
    yield ""
    yield f"Mean over topics: {sum(shares) / len(shares):.1%}"


def main() -> None:
    """Prints the table."""
    build = Path(__file__).parent / "build"
    embedded = Path(__file__).parents[2] / "server/funland_server/models/embedded"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("llama.cpp", "torch"), default="llama.cpp")
    parser.add_argument("--gguf", type=Path, default=embedded / "funland-tiny.gguf")
    parser.add_argument("--build", type=Path, default=build)
    parser.add_argument("--count", type=int, default=40, help="prompts of each topic")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.engine == "torch":
        engine: Engine = TorchEngine(arguments.build)
    else:
        engine = LlamaCppEngine(arguments.gguf)
    for line in report(engine, arguments.seed, arguments.count, arguments.temperature):
        print(line, flush=True)


if __name__ == "__main__":
    main()
