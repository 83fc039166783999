"""Questions that the model cannot answer, and what it says instead."""

from __future__ import annotations

from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.names import made_up
from tools.tiny_model.corpus.topic import Topic, expand, favour, table

TABLE = table("unknown")
MARK, MARK_ZH = "tiny model", "小"
GARBLED = "I do not understand that. I speak only simple English and Chinese."


def unknown(rng: Random) -> tuple[Turn, ...]:
    """Beyond the model, in English; now and then about a thing that does not exist."""
    words = {slot: rng.choice(TABLE["en"][f"{slot}s"]) for slot in ("event", "place", "field")}
    words["thing"], words["other"] = rng.sample(TABLE["en"]["things"], 2)
    if rng.random() < 0.25:
        words["thing"] = made_up(rng)
    question = expand(rng, rng.choice(TABLE["en"]["questions"])).format(**words)
    return (Turn(question, favour(rng, TABLE["en"]["answers"]), (MARK,)),)


def unknown_zh(rng: Random) -> tuple[Turn, ...]:
    """Beyond the model, in Chinese."""
    words = {slot: rng.choice(TABLE["zh"][f"{slot}s"]) for slot in ("thing", "event", "place")}
    words["field"] = rng.choice(TABLE["zh"]["fields"])
    question = expand(rng, rng.choice(TABLE["zh"]["questions"])).format(**words)
    return (Turn(question, favour(rng, TABLE["zh"]["answers"]), (MARK_ZH, "模型")),)


def garbled(rng: Random) -> tuple[Turn, ...]:
    """Made-up words alone, or letters at random."""
    if rng.random() < 0.6:
        text = " ".join(made_up(rng) for _ in range(rng.randint(1, 5)))
    else:
        letters = "abcdefghijklmnopqrstuvwxyz ;.,?!0123456789"
        text = "".join(rng.choice(letters) for _ in range(rng.randint(3, 25))).strip() or "?"
    return (Turn(text + rng.choice(("", "", "?", ".", "!")), GARBLED),)


TOPICS = (
    Topic("unknown", 7, unknown),
    Topic("unknown zh", 4, unknown_zh),
    Topic("garbled", 1, garbled),
)
