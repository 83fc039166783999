"""Counting, what comes after what, and comparing."""

from __future__ import annotations

from random import Random
from string import ascii_uppercase

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.topic import Topic, expand, favour, table

WORDS = table("words")
USUAL_ENDS = (5, 10, 10, 10, 20, 20, 20, 20, 30, 50, 50)


def counting(rng: Random) -> tuple[Turn, ...]:
    """Counting up or down: from 1 to at most 50, from elsewhere a few numbers.

    Short counts teach where to stop, which is one token in a hundred of a long one.
    """
    shape = rng.random()
    if shape < 0.45:
        last = rng.choice((*USUAL_ENDS, rng.randint(3, 50)))
        numbers = list(range(1, last + 1))
    elif shape < 0.9:
        first = rng.randint(0, 60)
        numbers = list(range(first, first + rng.randint(2, 8)))
    else:
        numbers = list(range(rng.choice((3, 5, 10, 15, 20)), 0, -1))
    first, last = numbers[0], numbers[-1]
    if numbers[0] > numbers[1]:
        templates = ("Count [down|backwards] from {} to {}[.|]", "从{}倒数到{}[。|]")
    else:
        templates = (
            "[Count|Please count|Can you count] from {} to {}[.|]",
            "Count [up |]from {} [up |]to {}[.|]",
            "[Write|List|Say] the numbers from {} to {}[.|]",
            "[从|请从]{}数到{}[。|]",
        )
    question = expand(rng, rng.choice(templates)).format(first, last)
    return (Turn(question, ", ".join(map(str, numbers))),)


def after(rng: Random) -> tuple[Turn, ...]:
    """What comes after or before a day, a month, a number or a letter."""
    if rng.random() < 0.2:
        days, index = WORDS["days_zh"], rng.randrange(7)
        question = expand(rng, f"{days[index]}的后一天是[什么|星期几][？|]")
        return (Turn(question, f"{days[index]}的后一天是{days[(index + 1) % 7]}。"),)
    kind, ring = rng.choice(
        (
            ("day", WORDS["days"]),
            ("month", WORDS["months"]),
            ("letter", list(ascii_uppercase)),
            ("number", [str(number) for number in range(31)]),
        )
    )
    index = rng.randrange(1, len(ring) - 1) if kind in ("letter", "number") else rng.randrange(50)
    side, step = favour(rng, (("after", 1), ("before", -1)))
    here, there = ring[index % len(ring)], ring[(index + step) % len(ring)]
    question = expand(rng, f"[What|Which] {kind} [comes|is] {side} {here}[?|]")
    return (Turn(question, f"{there} comes {side} {here}."),)


def comparison(rng: Random) -> tuple[Turn, ...]:
    """Which of two numbers is the bigger or the smaller one."""
    a, b = rng.sample(range(21), 2)
    word, choose = rng.choice((("bigger", max), ("larger", max), ("smaller", min)))
    question = expand(rng, f"[Which|What] is {word}, {a} or {b}[?|]")
    return (Turn(question, f"{choose(a, b)} is {word}."),)


TOPICS = (
    Topic("counting", 12, counting),
    Topic("before and after", 4, after),
    Topic("comparisons", 1.5, comparison),
)
