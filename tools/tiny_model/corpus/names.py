"""Names of people and things, many of them made up, so that the model must copy, not guess."""

from __future__ import annotations

from random import Random

from tools.tiny_model.corpus.topic import table

WORDS = table("words")
SYLLABLES_ZH = "安贝晨大方光海嘉可乐明娜平秋然思天文欣雅子阳月云宁星禾"


def person(rng: Random) -> str:
    """A first name; every second one is made up."""
    return rng.choice(WORDS["people"]) if rng.random() < 0.5 else made_up(rng).capitalize()


def person_zh(rng: Random) -> str:
    """A Chinese name; every second one is put together from single characters."""
    if rng.random() < 0.5:
        return rng.choice(WORDS["people_zh"])
    return "".join(rng.sample(SYLLABLES_ZH, 2))


def made_up(rng: Random) -> str:
    """A word of one to three syllables that means nothing."""
    syllables = [
        rng.choice(WORDS["onsets"]) + rng.choice(WORDS["vowels"]) + rng.choice(WORDS["codas"])
        for _ in range(rng.choice((1, 2, 2, 3)))
    ]
    return "".join(syllables)


def with_article(noun: str) -> str:
    """The noun with "a" or "an" before it."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def sentence_case(text: str) -> str:
    """The text with a capital first letter and the rest untouched."""
    return text[:1].upper() + text[1:]
