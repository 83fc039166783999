"""Says what a description says, in English or Chinese, each in one of several wordings."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Final

from tools.tiny_picture.description import Description

_BEFORE: Final = (
    "", "", "", "", "a picture of ", "a painting of ", "an image of ", "draw ", "paint ",
    "please draw ", "a drawing of ", "show me ",
)  # fmt: skip
_OTHER: Final[Mapping[str, tuple[str, ...]]] = {
    "gray": ("gray", "grey"),
    "cyan": ("cyan", "turquoise"),
    "purple": ("purple", "violet"),
    "circle": ("circle", "circle", "disc", "ball"),
    "square": ("square", "square", "box"),
    "diamond": ("diamond", "diamond", "rhombus"),
    "ring": ("ring", "ring", "donut"),
    "cross": ("cross", "cross", "plus"),
    "small": ("small", "small", "little", "tiny"),
    "big": ("big", "big", "large", "huge"),
    "sea": ("the sea", "the sea", "the ocean", "the water"),
    "lake": ("a lake", "the lake"),
    "field": ("a green field", "a field", "a meadow", "grass", "the grass"),
    "desert": ("the desert", "a desert", "sand"),
    "snow": ("snow", "the snow", "a snowy field"),
    "boat": ("a boat", "a boat", "a ship", "a sailing boat"),
    "island": ("an island", "a small island"),
    "tree": ("a tree",),
    "trees": ("trees", "three trees", "some trees"),
    "house": ("a house", "a house", "a home", "a little house"),
    "flowers": ("flowers", "many flowers", "some flowers"),
    "cactus": ("a cactus",),
    "pyramid": ("a pyramid",),
    "snowman": ("a snowman",),
    "mountains": ("mountains", "mountains", "hills", "a mountain"),
    "sun": ("the sun", "a sun", "sun"),
    "moon": ("the moon", "a moon", "moon"),
    "stars": ("stars", "many stars"),
    "clouds": ("clouds", "white clouds"),
    "day": ("on a sunny day", "under a blue sky", "by day", "in daylight"),
    "sunset": ("at sunset", "at sunset", "in the evening", "at dusk"),
    "night": ("at night", "at night", "under a night sky", "in the dark"),
    "dawn": ("at dawn", "at sunrise", "in the morning"),
    "cloudy": ("on a cloudy day", "under a gray sky", "under a grey sky"),
}
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "left": ("on the left", "at the left"),
    "right": ("on the right", "at the right"),
    "top": ("at the top", "above"),
    "bottom": ("at the bottom", "below"),
}
_EXTRAS: Final = ("mountains", "sun", "moon", "stars", "clouds")


def caption(description: Description, chance: Random) -> str:
    """One way to say it."""
    if chance.random() < 0.25:
        return _chinese(description, chance)
    say = _say_shapes if description.get("kind") == "shapes" else _say_scene
    return chance.choice(_BEFORE) + say(description, chance)


def _word(name: str, chance: Random) -> str:
    return chance.choice(_OTHER.get(name, (name,)))


def _with_article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _say_shapes(said: Description, chance: Random) -> str:
    def thing(colour: str, shape: str) -> str:
        return f"{_word(said[colour], chance)} {_word(said[shape], chance)}"

    layout = said["layout"]
    first = thing("colour", "shape")
    if layout == "one":
        size = said.get("size", "")
        words = _with_article(f"{_word(size, chance)} {first}" if size else first)
        if place := said.get("place"):
            words += " " + chance.choice(_PLACES[place])
    elif layout in ("beside", "above"):
        second = _with_article(thing("other_colour", "other_shape"))
        between = {
            "beside": ("and", "and", "next to", "beside", "left of"),
            "above": ("above", "over", "on top of"),
        }
        words = f"{_with_article(first)} {chance.choice(between[layout])} {second}"
    else:
        number = (
            layout if chance.random() < 0.8 else {"two": "2", "three": "3", "four": "4"}[layout]
        )
        words = f"{number} {first}" + ("es" if first.endswith(("s", "x")) else "s")
    if background := said.get("background"):
        colour = _word(background, chance)
        behind = (
            f" on {_with_article(colour)} background",
            f" on {colour}",
            f", {colour} background",
            f" in front of {colour}",
        )
        words += chance.choices(behind, (6, 1, 1, 1))[0]
    return words


def _say_scene(said: Description, chance: Random) -> str:
    ground, thing = _word(said["ground"], chance), said.get("object", "")
    extras = [_word(name, chance) for name in _EXTRAS if said.get(name)]
    time = said.get("time", "")
    when = " " + _word(time, chance) if time else ""
    if time == "sunset" and chance.random() < 0.4:
        when, ground = "", chance.choice(("a sunset over ", "sunset over ")) + ground
    elif time == "night" and chance.random() < 0.2:
        when, ground = "", "night over " + ground
    if thing and chance.random() < 0.6 and when:
        before = "on" if said["ground"] in ("sea", "lake", "snow") else "in"
        words = f"{_word(thing, chance)} {before} {ground}"
    else:
        words = ground
        if thing:
            extras.insert(0, _word(thing, chance))
            if chance.random() < 0.3:
                chance.shuffle(extras)
    if extras:
        words += chance.choice((" with ", " with ", " and ")) + " and ".join(extras)
    return words + when


_ZH: Final[Mapping[str, tuple[str, ...]]] = {
    "red": ("红色", "红"), "green": ("绿色", "绿"), "blue": ("蓝色", "蓝"),
    "yellow": ("黄色", "黄"), "orange": ("橙色", "橘色"), "purple": ("紫色", "紫"),
    "pink": ("粉色", "粉红色"), "black": ("黑色", "黑"), "white": ("白色", "白"),
    "brown": ("棕色", "褐色"), "gray": ("灰色", "灰"), "cyan": ("青色",),
    "circle": ("圆形", "圆", "圆圈"), "square": ("方形", "正方形", "方块"),
    "triangle": ("三角形",), "star": ("星形", "五角星"), "heart": ("心形", "爱心"),
    "diamond": ("菱形",), "ring": ("圆环", "环"), "cross": ("十字", "十字形"),
    "small": ("小",), "big": ("大",), "left": ("左边",), "right": ("右边",),
    "top": ("上面", "上方"), "bottom": ("下面", "下方"),
    "two": ("两个", "二个"), "three": ("三个",), "four": ("四个",),
    "sea": ("大海", "海"), "lake": ("湖",), "field": ("田野", "草地"), "desert": ("沙漠",),
    "snow": ("雪地",), "boat": ("小船", "船"), "island": ("岛", "小岛"), "tree": ("一棵树", "树"),
    "trees": ("几棵树", "三棵树"), "house": ("房子", "小房子"), "flowers": ("花", "鲜花"),
    "cactus": ("仙人掌",), "pyramid": ("金字塔",), "snowman": ("雪人",),
    "mountains": ("山", "群山"), "sun": ("太阳",), "moon": ("月亮",), "stars": ("星星",),
    "clouds": ("白云", "云"), "day": ("白天", "晴天"), "sunset": ("日落", "傍晚"),
    "night": ("夜晚", "夜里"), "dawn": ("黎明", "日出"), "cloudy": ("阴天",),
}  # fmt: skip


def _chinese(said: Description, chance: Random) -> str:
    def zh(name: str) -> str:
        return chance.choice(_ZH[name])

    if said.get("kind") == "shapes":
        layout = said["layout"]
        first = f"{zh(said['colour'])}的{zh(said['shape'])}"
        if layout == "one":
            size = zh(said["size"]) if said.get("size") else ""
            words = chance.choice(("一个", "")) + size + first
            if place := said.get("place"):
                words = (
                    f"{zh(place)}的{words}" if chance.random() < 0.5 else f"{words}在{zh(place)}"
                )
        elif layout == "beside":
            words = f"{first}和{zh(said['other_colour'])}的{zh(said['other_shape'])}"
        elif layout == "above":
            words = f"{first}在{zh(said['other_colour'])}的{zh(said['other_shape'])}上面"
        else:
            words = zh(layout) + first
        if background := said.get("background"):
            behind = f"{zh(background)}背景"
            words = f"{behind}上的{words}" if chance.random() < 0.5 else f"{words}，{behind}"
        return chance.choice(("", "", "画")) + words
    time, ground = said.get("time", ""), zh(said["ground"])
    words = f"{zh(time)}的{ground}" if time else ground
    things = [name for name in (said.get("object", ""), *_EXTRAS) if name]
    shown = [zh(name) for name in things if name not in _EXTRAS or said.get(name)]
    if shown:
        words += chance.choice(("，有", "和")) + "和".join(shown)
    return chance.choice(("", "", "画")) + words
