"""Things the user says about themselves and asks back later."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.names import person, person_zh
from tools.tiny_model.corpus.topic import expand, favour, table

WORDS = table("words")


@dataclass(frozen=True, slots=True)
class Fact:
    """How a thing is told, what may be replied, how it is asked for, and the answer then."""

    told: str
    replies: tuple[str, ...]
    asked: str
    answer: str


def remembered(rng: Random) -> tuple[Turn, Turn]:
    """The turn that tells something and the turn that asks for it."""
    draw = rng.choices(
        (_name, _name_zh, _color, _color_zh, _pet, _pet_zh, _city, _city_zh),
        (8, 5, 1.5, 1, 1.5, 1, 1.5, 1),
    )[0]
    fact = draw(rng)
    told = Turn(expand(rng, fact.told), favour(rng, fact.replies), others=fact.replies)
    return told, Turn(expand(rng, fact.asked), fact.answer)


def introduction(rng: Random) -> tuple[Turn, ...]:
    """Only the telling."""
    return remembered(rng)[:1]


def unknown_name(rng: Random) -> tuple[Turn, ...]:
    """The question for a name that nobody has told."""
    if rng.random() < 0.4:
        question = expand(rng, "我叫什么[|名字][？|]")
        return (Turn(question, "你还没有告诉我你的名字。你叫什么？"),)
    question = expand(rng, "[What is my name|Do you know my name|What's my name|Who am I][?|]")
    return (Turn(question, "You have not told me your name yet. What is it?"),)


def _name(rng: Random) -> Fact:
    name = person(rng)
    return Fact(
        f"[My name is|I am|I'm|Hi, I am|Hello, my name is|Hi, my name is|Call me] {name}[.|!|]",
        (f"Nice to meet you, {name}!", f"Hello, {name}! How can I help you?"),
        "[What is my name|What's my name|Do you remember my name|Who am I|What am I called][?|]",
        f"Your name is {name}.",
    )


def _name_zh(rng: Random) -> Fact:
    name = person_zh(rng)
    return Fact(
        f"[我叫|我的名字是|你好，我叫|我是|叫我]{name}[。|！|]",
        (f"很高兴认识你，{name}！", f"你好，{name}！有什么可以帮你的吗？"),
        "[我叫什么名字|我叫什么|你记得我的名字吗|我是谁][？|]",
        f"你叫{name}。",
    )


def _color(rng: Random) -> Fact:
    color = rng.choice(WORDS["colors"])
    return Fact(
        f"My favorite color is {color}[.|]",
        (f"I will remember that you like {color}.",),
        "[What is|Do you remember|What's] my favorite color?",
        f"Your favorite color is {color}.",
    )


def _color_zh(rng: Random) -> Fact:
    color = rng.choice(WORDS["colors_zh"])
    return Fact(
        f"我最喜欢的颜色是{color}[。|]",
        (f"我记住了，你喜欢{color}。",),
        "我最喜欢[什么颜色|的颜色是什么][？|]",
        f"你最喜欢{color}。",
    )


def _pet(rng: Random) -> Fact:
    pet, name = rng.choice(WORDS["pets"]), person(rng)
    return Fact(
        f"My {pet} is called {name}[.|]",
        (f"{name} is a lovely name for a {pet}!",),
        f"What is my {pet} called[?|]",
        f"Your {pet} is called {name}.",
    )


def _pet_zh(rng: Random) -> Fact:
    pet, name = rng.choice(WORDS["pets_zh"]), person_zh(rng)
    return Fact(
        f"我的{pet}叫{name}[。|]",
        (f"{name}真是个好名字！",),
        f"我的{pet}叫什么[？|]",
        f"你的{pet}叫{name}。",
    )


def _city(rng: Random) -> Fact:
    city = rng.choice(WORDS["cities"])
    return Fact(
        f"I live in {city}[.|]",
        (f"{city} must be a nice place to live!",),
        "[Where do I live|Which city do I live in][?|]",
        f"You live in {city}.",
    )


def _city_zh(rng: Random) -> Fact:
    city = rng.choice(WORDS["cities_zh"])
    return Fact(
        f"我住在{city}[。|]",
        (f"{city}一定是个好地方！",),
        "我住在哪里[？|]",
        f"你住在{city}。",
    )
