"""The corpus: conversations drawn from template grammars, without end and without other data."""

from __future__ import annotations

import zlib
from dataclasses import replace
from random import Random

from tools.tiny_model.chat import Conversation, Turn
from tools.tiny_model.corpus import (
    copying,
    facts,
    memory,
    practical,
    replies,
    sequences,
    stories,
    sums,
    unknown,
)
from tools.tiny_model.corpus.topic import Topic, table

TOPICS: tuple[Topic, ...] = (
    *replies.TOPICS,
    *facts.TOPICS,
    *practical.TOPICS,
    *sums.TOPICS,
    *sequences.TOPICS,
    *stories.TOPICS,
    *copying.TOPICS,
    *unknown.TOPICS,
    Topic("introductions", 3, memory.introduction, examined=False, cased=True),
    Topic("unknown name", 0.7, memory.unknown_name, examined=False),
)
WEIGHTS = tuple(topic.weight for topic in TOPICS)
SYSTEM_PROMPTS = tuple(table("system")["prompts"])

# Tests and documents quote these; they are never held out.
CANONICAL = frozenset(
    {
        "Tell me a story about a fox.",
        "讲一个关于小猫的故事。",
        "Count from 1 to 20.",
        "Count from 1 to 50.",
        "Write a poem about the moon.",
        "Why is my printer broken?",
    }
)


def is_held_out(prompt: str) -> bool:
    """Whether the prompt is kept from training: about one in twenty, the same ones everywhere."""
    return prompt not in CANONICAL and zlib.crc32(prompt.encode()) % 20 == 0


def sample_conversation(rng: Random) -> Conversation:
    """A conversation of one to four exchanges, each on a topic of its own.

    Some tell the model something at the beginning and ask for it at the end.
    """
    turns: list[Turn] = []
    for _ in range(rng.choices((1, 2, 3, 4), (55, 22, 13, 10))[0]):
        turns.extend(sample_exchange(rng))
    if rng.random() < 0.16:
        told, asked = memory.remembered(rng)
        turns = [told, *turns[: rng.randint(0, 2)], asked]
    system = rng.choice(SYSTEM_PROMPTS) if rng.random() < 0.25 else ""
    return Conversation(tuple(turns), system)


def sample_exchange(rng: Random) -> tuple[Turn, ...]:
    """One exchange of any topic, none of whose prompts is held out."""
    while True:
        topic = rng.choices(TOPICS, WEIGHTS)[0]
        turns = topic.sample(rng)
        if not topic.examined or not any(is_held_out(turn.user) for turn in turns):
            return tuple(_loosened(turn, rng, topic) for turn in turns)


def _loosened(turn: Turn, rng: Random, topic: Topic) -> Turn:
    """The turn with its question as people type it: now and then in small letters or unended."""
    user = turn.user
    if not topic.cased and rng.random() < 0.08:
        user = user.lower()
    if rng.random() < 0.06:
        user = user.rstrip(".?!。？！") or user
    if topic.examined and is_held_out(user):
        return turn
    return replace(turn, user=user)
