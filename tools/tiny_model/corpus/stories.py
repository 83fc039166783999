"""Short stories with the asked hero, name, place and object, and questions about them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus import stories_zh
from tools.tiny_model.corpus.names import made_up, person, sentence_case, with_article
from tools.tiny_model.corpus.tale import Tale, tell
from tools.tiny_model.corpus.topic import Topic, expand, favour, table

EN = table("stories")["en"]
ASK = "[Tell me|Tell|Write|Write me|Can you tell me|Please tell me|I want|Give me]"
TELL = f"{ASK} a [|short ]story"
AGAIN = "[Tell me another story|Another one|One more story|Another story][.|!|]"


def story(rng: Random) -> tuple[Turn, ...]:
    """A story with what was asked for, and now and then a question about it."""
    tale = _asked_tale(rng)
    request = expand(rng, f"{TELL} about {tale.request}")
    request += rng.choice((".", ".", "", "!", ", please."))
    turns = [Turn(request.replace("Can you tell", "Tell"), tale.text, tale.expect)]
    if rng.random() < 0.2:
        turns.append(_question_about(rng, tale.slots))
    return tuple(turns)


def any_story(rng: Random) -> tuple[Turn, ...]:
    """A story for those who name no hero: the fox's, and when asked again any other's."""
    if rng.random() < 0.4:
        return stories_zh.any_story(rng)
    request = expand(rng, TELL + "[.|!|, please.|]")
    turns = [Turn(request, _usual_tale(rng, "fox"), ("fox",))]
    if rng.random() < 0.3:
        again = expand(rng, AGAIN)
        hero = rng.choice([hero for hero in EN["heroes"] if hero != "fox"])
        turns.append(Turn(again, _usual_tale(rng, hero), ("learned",)))
    return tuple(turns)


def _asked_tale(rng: Random) -> Tale:
    hero, (name, place, thing, friend) = _hero(rng)
    if rng.random() < 0.4:
        name, friend = rng.choice(EN["names"]), rng.choice(list(EN["heroes"].values()))[3]
    request, expect = with_article(hero), [hero]
    if rng.random() < 0.12:
        name = person(rng)
        request += f" [called|named] {name}"
        expect.append(name)
    if rng.random() < 0.22:
        thing = f"{rng.choice(EN['object_adjectives'])} {rng.choice(EN['object_nouns'])}"
        thing = with_article(thing)
        request += rng.choice((f" and {thing}", f" who finds {thing}", f" with {thing}"))
        expect.append(thing)
    if rng.random() < 0.22:
        preposition, noun = rng.choice(EN["place_words"])
        place = f"{preposition} {with_article(rng.choice(EN['place_adjectives']) + ' ' + noun)}"
        request += rng.choice((f" {place}", f" {place}", f" that lives {place}"))
        expect.append(place)
    slots = _slots(rng, hero, (name, place, thing, friend))
    return Tale(request, tell(rng, EN, slots, " "), slots, tuple(expect))


def _hero(rng: Random) -> tuple[str, list[str]]:
    """A hero with its usual name, place, object and friend; a rare or made-up one borrows them."""
    if rng.random() >= 0.25:
        return rng.choice(list(EN["heroes"].items()))
    hero = rng.choice(EN["hero_nouns"])
    if rng.random() < 0.2:
        hero = made_up(rng)
    return hero, favour(rng, list(EN["heroes"].values()))


def _usual_tale(rng: Random, hero: str) -> str:
    return tell(rng, EN, _slots(rng, hero, EN["heroes"][hero]), " ")


def _slots(rng: Random, hero: str, about: Sequence[str]) -> dict[str, str]:
    name, place, thing, friend = about
    return {
        "hero": hero,
        "name": name,
        "place": place,
        "Place": sentence_case(place),
        "object": thing,
        "the_object": "the " + thing.split(" ", 1)[1],
        "friend": friend,
        "adjective": favour(rng, EN["adjectives"]),
    }


def _question_about(rng: Random, slots: dict[str, str]) -> Turn:
    name, hero, place = slots["name"], slots["hero"], slots["place"]
    question, answer = rng.choice(
        (
            (f"[What was the {hero} called|What was the name of the {hero}]?", f"{name}."),
            (f"Where did {name} live?", f"{name} lived {place}."),
            (f"What did {name} find?", f"{name} found {slots['object']}."),
            (f"Who helped {name}?", f"{sentence_case(slots['friend'])} helped {name}."),
        )
    )
    return Turn(expand(rng, question), answer)


TOPICS = (
    Topic("stories", 8, story, cased=True),
    Topic("stories zh", 4, stories_zh.story),
    Topic("any story", 2, any_story, examined=False),
)
