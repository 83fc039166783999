"""Draws what a description says, and by chance what it leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tools.tiny_picture.description import COLOURS, SHAPES, TIMES, Description

SIZE: Final = 64
"""How wide and high a picture is, in pixels."""
_FINE: Final = 3
"""How many times finer it is drawn."""
_N: Final = SIZE * _FINE

Colour = tuple[int, int, int]
_Point = tuple[float, float]

_COLOURS: Final[Mapping[str, Colour]] = {
    "red": (220, 40, 40),
    "green": (50, 165, 70),
    "blue": (45, 90, 215),
    "yellow": (245, 210, 50),
    "orange": (245, 140, 35),
    "purple": (130, 60, 180),
    "pink": (245, 140, 180),
    "black": (25, 25, 30),
    "white": (245, 245, 245),
    "brown": (125, 80, 45),
    "gray": (130, 130, 135),
    "cyan": (60, 200, 215),
}


def drawn(description: Description, chance: Random) -> NDArray[np.uint8]:
    """The picture, 64 x 64 x 3."""
    draw = _draw_shapes if description.get("kind") == "shapes" else _draw_scene
    return np.asarray(draw(description, chance).resize((SIZE, SIZE), Image.Resampling.BOX))


def _near(chance: Random, colour: Colour, spread: float = 8) -> Colour:
    first, second, third = (
        max(0, min(255, round(part + chance.uniform(-spread, spread)))) for part in colour
    )
    return first, second, third


# Shapes.


def _polygon(points: Callable[[float], list[_Point]]) -> Callable[..., None]:
    def draw(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
        pen.polygon([(x + size * a, y + size * b) for a, b in points(size)], fill=colour)

    return draw


def _circle(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
    pen.ellipse([x - size, y - size, x + size, y + size], fill=colour)


def _square(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
    side = size * 0.88
    pen.rectangle([x - side, y - side, x + side, y + side], fill=colour)


def _ring(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
    width = max(2, int(size * 0.36))
    pen.ellipse([x - size, y - size, x + size, y + size], outline=colour, width=width)


def _cross(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
    width = size * 0.34
    pen.rectangle([x - width, y - size, x + width, y + size], fill=colour)
    pen.rectangle([x - size, y - width, x + size, y + width], fill=colour)


def _star(_: float) -> list[_Point]:
    long, short = 1.1, 0.45
    return [
        (
            (long if tip % 2 == 0 else short) * math.sin(tip * math.pi / 5),
            -(long if tip % 2 == 0 else short) * math.cos(tip * math.pi / 5),
        )
        for tip in range(10)
    ]


def _heart(_: float) -> list[_Point]:
    return [
        (
            0.992 * math.sin(turn) ** 3,
            -0.062
            * (
                13 * math.cos(turn)
                - 5 * math.cos(2 * turn)
                - 2 * math.cos(3 * turn)
                - math.cos(4 * turn)
            ),
        )
        for turn in np.linspace(0, 2 * math.pi, 40)
    ]


_SHAPES: Final[Mapping[str, Callable[..., None]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _polygon(lambda _: [(0, -1), (-1, 0.8), (1, 0.8)]),
    "star": _polygon(_star),
    "heart": _polygon(_heart),
    "diamond": _polygon(lambda _: [(0, -1), (0.75, 0), (0, 1), (-0.75, 0)]),
    "ring": _ring,
    "cross": _cross,
}

_PLACES: Final[Mapping[str, _Point]] = {
    "": (0.5, 0.5),
    "left": (0.27, 0.5),
    "right": (0.73, 0.5),
    "top": (0.5, 0.27),
    "bottom": (0.5, 0.73),
}
_ROWS: Final[Mapping[str, int]] = {"two": 2, "three": 3, "four": 4}


def _draw_shapes(said: Description, chance: Random) -> Image.Image:
    colour = said.get("colour") or chance.choice(COLOURS)
    other = said.get("other_colour") or chance.choice(COLOURS)
    free = [one for one in COLOURS if one not in (colour, said.get("other_colour"))]
    background = said.get("background") or chance.choice(free)
    image = Image.new("RGB", (_N, _N), _near(chance, _COLOURS[background], 5))
    pen = ImageDraw.Draw(image)

    def shape(name: str, x: float, y: float, size: float, of: str) -> None:
        name = said.get(name) or chance.choice(SHAPES)
        _SHAPES[name](pen, _N * x, _N * y, _N * size, _near(chance, _COLOURS[of]))

    layout = said.get("layout") or "one"
    if layout in _ROWS:
        count, name = _ROWS[layout], said.get("shape") or chance.choice(SHAPES)
        own = _near(chance, _COLOURS[colour])
        for place in range(count):
            x = _N * (place + 0.5) / count
            _SHAPES[name](pen, x, _N * 0.5, _N * min(0.13, 0.42 / count), own)
    elif layout in ("beside", "above"):
        size = chance.uniform(0.17, 0.19)
        first, second = ((0.27, 0.5), (0.73, 0.5))
        if layout == "above":
            first, second = ((0.5, 0.27), (0.5, 0.73))
        shape("shape", *first, size, colour)
        shape("other_shape", *second, size, other)
    else:
        place = said.get("place", "")
        low, high = {"small": (0.13, 0.15), "big": (0.34, 0.38)}.get(
            said.get("size", ""), (0.22, 0.25)
        )
        x, y = (part + chance.uniform(-0.02, 0.02) for part in _PLACES[place])
        shape("shape", x, y, chance.uniform(low, high) * (0.85 if place else 1), colour)
    return image


# Scenes.

_SKIES: Final[Mapping[str, tuple[Colour, Colour, float]]] = {
    "day": ((95, 165, 240), (190, 225, 250), 1),
    "sunset": ((90, 60, 130), (255, 150, 70), 0.7),
    "night": ((8, 12, 40), (35, 45, 95), 0.34),
    "dawn": ((120, 150, 215), (255, 205, 190), 0.85),
    "cloudy": ((130, 140, 155), (190, 195, 205), 0.75),
}
"""The colours above and at the horizon, and how bright it is."""
_GROUNDS: Final[Mapping[str, Colour]] = {
    "sea": (40, 105, 170),
    "lake": (60, 130, 175),
    "field": (80, 165, 70),
    "desert": (225, 185, 110),
    "snow": (240, 245, 250),
}


class _Scene:
    """A scene that is being drawn."""

    def __init__(self, said: Description, chance: Random) -> None:
        self.said = said
        self.chance = chance
        self.time = said.get("time") or chance.choices(TIMES, (4, 2, 1, 1, 1))[0]
        self.ground = said.get("ground") or "field"
        self.above, self.below, self.bright = _SKIES[self.time]
        self.horizon = int(_N * chance.uniform(0.54, 0.62))
        self.light_x = _N * chance.uniform(0.25, 0.75)
        self.image = Image.new("RGB", (_N, _N))
        self.pen = ImageDraw.Draw(self.image)

    def dim(self, colour: Colour, least: float = 0) -> Colour:
        """The colour in this light."""
        first, second, third = (
            int(part * max(self.bright, least)) for part in _near(self.chance, colour)
        )
        return first, second, third

    def disc(self, x: float, y: float, size: float, colour: Colour) -> None:
        self.pen.ellipse([x - size, y - size, x + size, y + size], fill=colour)

    def box(self, x: float, y: float, to_x: float, to_y: float, colour: Colour) -> None:
        self.pen.rectangle([min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)], fill=colour)

    def shade(self, top: int, bottom: int, first: Colour, last: Colour) -> None:
        for y in range(top, bottom):
            share = (y - top) / max(1, bottom - top - 1)
            line = tuple(int(a * (1 - share) + b * share) for a, b in zip(first, last, strict=True))
            self.pen.line([0, y, _N, y], fill=line)


def _draw_scene(said: Description, chance: Random) -> Image.Image:
    scene = _Scene(said, chance)
    scene.shade(0, scene.horizon, _near(chance, scene.above), _near(chance, scene.below))
    _draw_lights(scene)
    if said.get("mountains"):
        _draw_mountains(scene)
    ground = scene.dim(_GROUNDS[scene.ground])
    first, second, third = ground
    scene.shade(
        scene.horizon, _N, ground, (int(first * 0.72), int(second * 0.72), int(third * 0.72))
    )
    if scene.ground in ("sea", "lake"):
        _draw_glitter(scene)
    if thing := said.get("object"):
        x = _N * chance.uniform(0.35, 0.65)
        _OBJECTS[thing](scene, x, scene.horizon + _N * chance.uniform(0.12, 0.17))
    return scene.image


def _draw_lights(scene: _Scene) -> None:
    said, chance, x = scene.said, scene.chance, scene.light_x
    if scene.time == "sunset":
        scene.disc(x, scene.horizon - _N * 0.03, _N * 0.11, (255, 225, 120))
    if scene.time == "night":
        if said.get("stars"):
            for _ in range(18):
                spot_x, spot_y = chance.random() * _N, chance.random() * scene.horizon * 0.8
                scene.disc(spot_x, spot_y, _N * 0.011, (255, 255, 255))
        if said.get("moon"):
            scene.disc(x, _N * 0.2, _N * 0.085, (245, 245, 215))
    elif said.get("sun") and scene.time != "sunset":
        scene.disc(x, _N * 0.18, _N * 0.085, (255, 235, 120))
    if said.get("clouds") or scene.time == "cloudy":
        colour = (250, 250, 252) if scene.time != "cloudy" else (215, 218, 224)
        for place in (0.2, 0.55, 0.85):
            x = _N * (place + chance.uniform(-0.08, 0.08))
            y, size = _N * chance.uniform(0.1, 0.26), _N * chance.uniform(0.055, 0.075)
            for aside in (-1.1, 0, 1.1):
                high = 0.8 if aside else 1.1
                middle = x + aside * size
                scene.pen.ellipse(
                    [middle - size, y - size * high, middle + size, y + size * 0.7], fill=colour
                )


def _draw_mountains(scene: _Scene) -> None:
    chance, base = scene.chance, scene.horizon
    snowy = scene.ground == "snow" or chance.random() < 0.3
    for place in (0.2, 0.5, 0.8):
        x = _N * (place + chance.uniform(-0.1, 0.1))
        wide, high = _N * chance.uniform(0.24, 0.34), _N * chance.uniform(0.22, 0.34)
        rock = scene.dim((95, 100, 125), 0.4)
        scene.pen.polygon([(x - wide, base), (x, base - high), (x + wide, base)], fill=rock)
        if snowy:
            cap = [(x - wide * 0.3, base - high * 0.7), (x, base - high)]
            cap += [(x + wide * 0.3, base - high * 0.7), (x, base - high * 0.64)]
            scene.pen.polygon(cap, fill=scene.dim((245, 248, 255), 0.6))


def _draw_glitter(scene: _Scene) -> None:
    moon = scene.time == "night" and scene.said.get("moon")
    if scene.time != "sunset" and not moon:
        return
    lines, wide = (4, 0.06) if moon else (5, 0.11)
    colour = (170, 175, 165) if moon else (255, 185, 95)
    for line in range(lines):
        y = scene.horizon + (line + 0.6) * (_N - scene.horizon) / 6
        half = _N * wide * (1 - line * 0.11)
        scene.box(scene.light_x - half, y, scene.light_x + half, y + _FINE, colour)


def _tree(scene: _Scene, x: float, base: float, size: float = 1.15) -> None:
    trunk = _N * 0.022 * size
    scene.box(x - trunk, base - _N * 0.17 * size, x + trunk, base, scene.dim((110, 70, 40)))
    crown = _N * 0.11 * size
    green = (60, 110, 90) if scene.ground == "snow" else (40, 125, 50)
    scene.pen.ellipse(
        [x - crown, base - _N * 0.34 * size, x + crown, base - _N * 0.12 * size],
        fill=scene.dim(green),
    )


def _trees(scene: _Scene, _: float, base: float) -> None:
    for place in (0.2, 0.5, 0.8):
        _tree(scene, _N * place, base + _N * scene.chance.uniform(-0.02, 0.02), 0.85)


def _house(scene: _Scene, x: float, base: float) -> None:
    size = _N * 0.14
    scene.box(x - size, base - size * 1.1, x + size, base, scene.dim((225, 205, 175), 0.4))
    roof = [(x - size * 1.25, base - size * 1.1), (x, base - size * 2.1)]
    scene.pen.polygon(
        [*roof, (x + size * 1.25, base - size * 1.1)], fill=scene.dim((190, 60, 50), 0.4)
    )
    scene.box(x - size * 0.25, base - size * 0.65, x + size * 0.2, base, scene.dim((100, 65, 40)))
    lit = scene.time in ("night", "sunset")
    window = (255, 230, 140) if lit else scene.dim((150, 200, 230))
    scene.box(x + size * 0.4, base - size * 0.85, x + size * 0.8, base - size * 0.45, window)


def _flowers(scene: _Scene, _: float, __: float) -> None:
    chance = scene.chance
    for number in range(18):
        x = _N * (number % 6 + chance.uniform(0.2, 0.8)) / 6
        share = (number // 6 + chance.uniform(0.2, 0.8)) / 3
        y = scene.horizon + (_N - scene.horizon) * (0.12 + 0.8 * share)
        colour = chance.choice([(235, 60, 70), (250, 220, 70), (240, 130, 190)])
        scene.disc(x, y, _N * 0.026, scene.dim(colour, 0.5))


def _boat(scene: _Scene, x: float, base: float) -> None:
    size = _N * 0.15
    hull = [(x - size, base - size * 0.3), (x + size, base - size * 0.3)]
    hull += [(x + size * 0.6, base + size * 0.25), (x - size * 0.6, base + size * 0.25)]
    scene.pen.polygon(hull, fill=scene.dim((140, 75, 45), 0.45))
    sail = [(x, base - size * 1.9), (x, base - size * 0.42), (x + size * 0.9, base - size * 0.42)]
    scene.pen.polygon(sail, fill=scene.dim((248, 248, 245), 0.65))


def _island(scene: _Scene, x: float, base: float) -> None:
    size = _N * 0.2
    scene.pen.ellipse(
        [x - size, base - size * 0.35, x + size, base + size * 0.3],
        fill=scene.dim((225, 200, 130), 0.4),
    )
    _tree(scene, x, base - size * 0.15, 0.85)


def _cactus(scene: _Scene, x: float, base: float) -> None:
    green, wide = scene.dim((50, 130, 65), 0.4), _N * 0.03
    scene.box(x - wide, base - _N * 0.29, x + wide, base, green)
    for side, low, high in ((-1, 0.13, 0.24), (1, 0.1, 0.21)):
        end = x + side * _N * 0.11
        scene.box(x, base - _N * (low + 0.05), end, base - _N * low, green)
        scene.box(end, base - _N * high, end - side * _N * 0.045, base - _N * low, green)


def _pyramid(scene: _Scene, x: float, base: float) -> None:
    size = _N * 0.22
    tip, edge = (x, base - size * 1.25), (x + size * 0.25, base)
    scene.pen.polygon([(x - size, base), tip, edge], fill=scene.dim((215, 170, 95), 0.4))
    scene.pen.polygon([edge, tip, (x + size, base)], fill=scene.dim((165, 125, 70), 0.4))


def _snowman(scene: _Scene, x: float, base: float) -> None:
    white, line = scene.dim((250, 250, 255), 0.65), scene.dim((120, 130, 170), 0.5)
    for up, size in ((0, 0.1), (-0.16, 0.072), (-0.27, 0.052)):
        top, bottom = base + _N * (up - size * 1.6), base + _N * (up + size * 0.4)
        scene.pen.ellipse(
            [x - _N * size, top, x + _N * size, bottom], fill=white, outline=line, width=_FINE
        )


_OBJECTS: Final[Mapping[str, Callable[[_Scene, float, float], None]]] = {
    "boat": _boat,
    "island": _island,
    "tree": _tree,
    "trees": _trees,
    "house": _house,
    "flowers": _flowers,
    "cactus": _cactus,
    "pyramid": _pyramid,
    "snowman": _snowman,
}
