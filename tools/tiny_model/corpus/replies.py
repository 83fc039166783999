"""Small talk and questions about the model and Funland: many wordings, one meaning, few answers."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.topic import Topic, expand, favour, table


def _reply(groups: list[dict[str, Any]], weights: list[float], rng: Random) -> tuple[Turn, ...]:
    group = rng.choices(groups, weights)[0]
    question = expand(rng, rng.choice(group["questions"]))
    answer = favour(rng, group["answers"])
    expect, others = tuple(group.get("expect", ())), tuple(group["answers"])
    return (Turn(question, answer, expect, others),)


def _topic(name: str, weight: float) -> Topic:
    groups = table(name)["group"]
    weights = [group.get("weight", 1.0) for group in groups]
    return Topic(name, weight, partial(_reply, groups, weights), examined=False)


TOPICS = (
    _topic("smalltalk_en", 13),
    _topic("smalltalk_zh", 10),
    _topic("funland_en", 10),
    _topic("funland_zh", 8),
)
