"""What a picture is of: attributes, each with one of a few values."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

COLOURS: Final = (
    "red", "green", "blue", "yellow", "orange", "purple",
    "pink", "black", "white", "brown", "gray", "cyan",
)  # fmt: skip
SHAPES: Final = ("circle", "square", "triangle", "star", "heart", "diamond", "ring", "cross")
GROUNDS: Final = ("sea", "lake", "field", "desert", "snow")
TIMES: Final = ("day", "sunset", "night", "dawn", "cloudy")
OBJECTS: Final = (
    "boat", "island", "tree", "trees", "house", "flowers", "cactus", "pyramid", "snowman",
)  # fmt: skip

ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": ("", "shapes", "scene"),
    "background": ("", *COLOURS),
    "layout": ("", "one", "beside", "above", "two", "three", "four"),
    "shape": ("", *SHAPES),
    "colour": ("", *COLOURS),
    "other_shape": ("", *SHAPES),
    "other_colour": ("", *COLOURS),
    "size": ("", "small", "big"),
    "place": ("", "left", "right", "top", "bottom"),
    "ground": ("", *GROUNDS),
    "time": ("", *TIMES),
    "object": ("", *OBJECTS),
    "mountains": ("", "yes"),
    "sun": ("", "yes"),
    "moon": ("", "yes"),
    "stars": ("", "yes"),
    "clouds": ("", "yes"),
}
"""The values of each; the first is that nothing is said of it."""

CODE_LENGTH: Final = sum(map(len, ATTRIBUTES.values()))
"""How many numbers a description is: one for each value of each attribute."""

Description = Mapping[str, str]
"""The values of the attributes that are said; the others are left to chance."""

_FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "sea": ("boat", "island", "", ""),
    "lake": ("boat", ""),
    "field": ("tree", "house", "flowers", "trees", ""),
    "desert": ("cactus", "pyramid", ""),
    "snow": ("house", "tree", "snowman", ""),
}


def said(chance: Random) -> Description:
    """What some caption says."""
    return _shapes(chance) if chance.random() < 0.5 else _scene(chance)


def values(description: Description) -> list[int]:
    """The place of each attribute's value among its values."""
    return [options.index(description.get(name, "")) for name, options in ATTRIBUTES.items()]


def _shapes(chance: Random) -> Description:
    found = {"kind": "shapes", "colour": chance.choice(COLOURS), "shape": chance.choice(SHAPES)}
    taken = {found["colour"]}
    layout = chance.choices(("one", "beside", "above", "row"), (50, 18, 12, 20))[0]
    if layout == "row":
        layout = chance.choice(("two", "three", "four"))
    found["layout"] = layout
    if layout in ("beside", "above"):
        found["other_shape"] = chance.choice(SHAPES)
        found["other_colour"] = chance.choice(COLOURS)
        taken.add(found["other_colour"])
    if layout == "one":
        found["size"] = chance.choice(("", "", "small", "big"))
        if found["size"] != "big":
            found["place"] = chance.choice(("", "", "left", "right", "top", "bottom"))
    if chance.random() < 0.9:
        found["background"] = chance.choice([one for one in COLOURS if one not in taken])
    return found


def _scene(chance: Random) -> Description:
    found = {"kind": "scene", "ground": chance.choices(GROUNDS, (4, 2, 4, 2, 2))[0]}
    if chance.random() < 0.85:
        found["time"] = chance.choices(TIMES, (4, 4, 3, 1.5, 1.5))[0]
    found["object"] = chance.choice(_FITTING[found["ground"]])
    if chance.random() < 0.4:
        found["mountains"] = "yes"
    time = found.get("time")
    if time in ("day", "dawn") and chance.random() < 0.4:
        found["sun"] = "yes"
    if time == "day" and chance.random() < 0.4:
        found["clouds"] = "yes"
    if time == "night":
        for light in ("moon", "stars"):
            if chance.random() < 0.5:
                found[light] = "yes"
    return found
