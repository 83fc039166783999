"""Short stories in Chinese with the asked hero, place and object."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tools.tiny_model.chat import Turn
from tools.tiny_model.corpus.tale import Tale, tell
from tools.tiny_model.corpus.topic import expand, favour, table

ZH = table("stories")["zh"]
TELL = "[讲一个|给我讲一个|请讲一个|说一个|写一个|我想听一个|来一个]"
STORY = "[的故事|的小故事|的短故事]"
USUAL_HERO = "小猫"


def story(rng: Random) -> tuple[Turn, ...]:
    """A story with the asked hero, and perhaps the asked place and object."""
    tale = _asked_tale(rng)
    request = expand(rng, f"{TELL}[关于|]{tale.request}{STORY}[。|吧。|]")
    return (Turn(request, tale.text, tale.expect),)


def any_story(rng: Random) -> tuple[Turn, ...]:
    """A story for those who name no hero: the kitten's, and when asked again any other's."""
    request = expand(rng, "[讲一个故事|给我讲个故事|讲个故事|我想听故事|说个故事][吧|。|！|]")
    turns = [Turn(request, _usual_tale(rng, USUAL_HERO), (USUAL_HERO,))]
    if rng.random() < 0.3:
        again = rng.choice(("再讲一个。", "再来一个故事吧。", "还有别的故事吗？"))
        hero = rng.choice([hero for hero in ZH["heroes"] if hero != USUAL_HERO])
        turns.append(Turn(again, _usual_tale(rng, hero), ("明白了",)))
    return tuple(turns)


def _asked_tale(rng: Random) -> Tale:
    if rng.random() < 0.2:
        measure, hero = rng.choice(ZH["hero_nouns"])
        _measure, name, place, thing, friend = ZH["heroes"][USUAL_HERO]
    else:
        hero = rng.choice(list(ZH["heroes"]))
        measure, name, place, thing, friend = ZH["heroes"][hero]
    if rng.random() < 0.4:
        name = rng.choice(ZH["names"])
    request, expect = hero, [hero]
    if rng.random() < 0.2:
        place = rng.choice(ZH["place_adjectives"]) + rng.choice(ZH["place_nouns"])
        request = f"住在{place}的{hero}"
        expect.append(place)
    if rng.random() < 0.2:
        thing = rng.choice(ZH["object_adjectives"]) + rng.choice(ZH["object_nouns"])
        request += f"和{thing}"
        expect.append(thing)
    slots = _slots(rng, hero, (measure, name, place, thing, friend))
    return Tale(request, tell(rng, ZH, slots, ""), slots, tuple(expect))


def _usual_tale(rng: Random, hero: str) -> str:
    return tell(rng, ZH, _slots(rng, hero, ZH["heroes"][hero]), "")


def _slots(rng: Random, hero: str, about: Sequence[str]) -> dict[str, str]:
    measure, name, place, thing, friend = about
    return {
        "hero": hero,
        "measure": measure,
        "name": name,
        "place": place,
        "object": thing,
        "friend": friend,
        "adjective": favour(rng, ZH["adjectives"]),
    }
