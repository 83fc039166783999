"""Answers that are found in the question itself: JSON, context questions, repeating."""

from __future__ import annotations

import json
from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.names import made_up, person, person_zh
from tools.tiny_model.corpus.topic import Topic, expand, table

WORDS = table("words")


def json_object(rng: Random) -> tuple[Turn, ...]:
    """A person's data in JSON."""
    name, age = person(rng), rng.randint(3, 99)
    city = rng.choice(WORDS["cities"]) if rng.random() < 0.6 else made_up(rng).capitalize()
    question = expand(
        rng,
        rng.choice(
            (
                f"[Give me|Write] a JSON object with name {name}, age {age} and city {city}.",
                f"Write JSON for a person: name {name}, age {age}, city {city}.",
                f"{name} is {age} years old and lives in {city}. [Answer in|Write it as] JSON.",
                f"[Make|Write] JSON: name {name}, age {age}, city {city}",
            )
        ),
    )
    return (Turn(question, json.dumps({"name": name, "age": age, "city": city})),)


def context_question(rng: Random) -> tuple[Turn, ...]:
    """Who put what where, asked for one of two or three things."""
    count = rng.choice((2, 2, 3))
    people = [person(rng) for _ in range(count)]
    things, places = rng.sample(WORDS["things"], count), rng.sample(WORDS["places"], count)
    facts = [
        f"{who} {rng.choice(('put', 'left', 'hid'))} the {thing} {place}."
        for who, thing, place in zip(people, things, places, strict=True)
    ]
    who, thing, place = people[0], things[0], places[0]
    rng.shuffle(facts)
    context = " ".join(facts)
    if rng.random() < 0.7:
        question, answer = f"Where is the {thing}?", f"The {thing} is {place}."
    else:
        question, answer = f"Who has put away the {thing}?", f"{who} did."
    if rng.random() < 0.4:
        return (Turn(f"Context: {context}\nQuestion: {question}", answer),)
    return (Turn(f"{context} {question}", answer),)


def context_question_zh(rng: Random) -> tuple[Turn, ...]:
    """The same in Chinese, with two things."""
    people = [person_zh(rng) for _ in range(2)]
    things, places = rng.sample(WORDS["things_zh"], 2), rng.sample(WORDS["places_zh"], 2)
    facts = [
        f"{who}把{thing}放在{place}。"
        for who, thing, place in zip(people, things, places, strict=True)
    ]
    rng.shuffle(facts)
    return (Turn(f"{''.join(facts)}{things[0]}在哪里？", f"{things[0]}在{places[0]}。"),)


def repeat(rng: Random) -> tuple[Turn, ...]:
    """Say after me: real words and made-up ones."""
    count = rng.randint(1, 5)
    words = [
        rng.choice(WORDS["common"]) if rng.random() < 0.6 else made_up(rng) for _ in range(count)
    ]
    text = " ".join(words)
    question = expand(rng, f"[Repeat|Say|Repeat after me|Please say|Copy this|Write][:|] {text}")
    return (Turn(question, text),)


def last_word(rng: Random) -> tuple[Turn, ...]:
    """The first or the last of some words."""
    words = rng.sample(WORDS["common"], rng.randint(3, 6))
    side, word = rng.choice((("first", words[0]), ("last", words[-1])))
    return (Turn(f"What is the {side} word of: {' '.join(words)}?", word),)


def sentiment(rng: Random) -> tuple[Turn, ...]:
    """Whether a sentence is a kind one."""
    answer, sentences = rng.choice((("Positive.", WORDS["good"]), ("Negative.", WORDS["bad"])))
    sentence = rng.choice(sentences)
    question = rng.choice(
        (
            f'Is this positive or negative? "{sentence}."',
            f"What is the sentiment of: {sentence}.",
            f"Positive or negative: {sentence}",
        )
    )
    return (Turn(question, answer),)


TOPICS = (
    Topic("json", 10, json_object, cased=True),
    Topic("context questions", 9, context_question, cased=True),
    Topic("context questions zh", 5, context_question_zh, cased=True),
    Topic("repeating", 9, repeat, cased=True),
    Topic("first and last word", 1.5, last_word),
    Topic("sentiment", 1, sentiment),
)
