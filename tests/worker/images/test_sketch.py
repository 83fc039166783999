"""The model that comes with Funland paints what it says it can."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.models_pb2 import Model
from funland_server.models.formats.header import PictureFacts
from funland_server.models.installed.built_in import built_in_models
from funland_server.models.installed.sketch import SKETCH_ID, sketch_model
from funland_worker.images.facts import read_wishes
from tools.tiny_picture.description import SHAPES
from tools.tiny_picture.drawing import drawn

Paint = Callable[[str, int], NDArray[np.uint8]]

COLOURS = {
    "red": (220, 40, 40), "green": (50, 165, 70), "blue": (45, 90, 215), "yellow": (245, 210, 50),
    "orange": (245, 140, 35), "purple": (130, 60, 180), "pink": (245, 140, 180),
    "black": (25, 25, 30), "white": (245, 245, 245), "brown": (125, 80, 45),
    "gray": (130, 130, 135), "cyan": (60, 200, 215),
}  # fmt: skip
ZH = {"red": "红色", "green": "绿色", "blue": "蓝色", "yellow": "黄色", "white": "白色"}


@pytest.fixture(scope="module")
def paint() -> Paint:
    genai: Any = import_module("openvino_genai")
    model = sketch_model()
    wishes = read_wishes(model.path)
    pipeline = genai.Text2ImagePipeline(str(model.path), "CPU", INFERENCE_NUM_THREADS=1)

    def painted(prompt: str, seed: int) -> NDArray[np.uint8]:
        return (
            pipeline.generate(prompt, rng_seed=seed, width=64, height=64, **wishes).data[0].copy()
        )

    return painted


def named(pixels: NDArray[np.uint8]) -> str:
    """The colour that is nearest to most of the pixels."""
    middle = np.median(pixels.reshape(-1, 3).astype(float), axis=0)
    return min(COLOURS, key=lambda name: float(np.abs(middle - COLOURS[name]).sum()))


def edges(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([picture[:6].reshape(-1, 3), picture[-6:].reshape(-1, 3)])


def drawn_big(shape: str) -> NDArray[np.uint8]:
    """As the model was shown it."""
    said = {
        "kind": "shapes", "layout": "one", "size": "big", "shape": shape,
        "colour": "black", "background": "white",
    }  # fmt: skip
    return drawn(said, Random(1))  # noqa: S311 - a picture needs a seed, not secrecy


def dark(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return picture.astype(int).sum(2) < 400


def shared(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """What two areas share, of what either has."""
    return float((one & other).sum() / (one | other).sum())


def test_it_is_built_in_and_says_what_it_is() -> None:
    model = next(one for one in built_in_models() if one.model_id == SKETCH_ID)

    assert model.built_in
    assert (model.kind, model.format) == (Model.IMAGE, Model.OPENVINO_IR)
    assert model.header.picture == PictureFacts(
        width=64, height=64, unit=8, fixed=True, edits=True, scheduler="DDIMScheduler"
    )
    assert model.fingerprint.size_bytes < 8_000_000


def test_backgrounds_and_shapes_have_the_colours_of_the_prompt(paint: Paint) -> None:
    pairs = list(zip(COLOURS, [*list(COLOURS)[5:], *list(COLOURS)[:5]], strict=True))

    pictures = [
        paint(f"a big {shape} square on a {behind} background", 1) for behind, shape in pairs
    ]

    right = [named(edges(one)) == behind for one, (behind, _) in zip(pictures, pairs, strict=True)]
    inner = [
        named(one[24:40, 24:40]) == shape for one, (_, shape) in zip(pictures, pairs, strict=True)
    ]
    assert sum(right) >= 10
    assert sum(inner) >= 9


def test_shapes_are_told_apart(paint: Paint) -> None:
    drawings = {shape: dark(drawn_big(shape)) for shape in SHAPES}

    painted = {
        shape: dark(paint(f"a big black {shape} on a white background", 1)) for shape in SHAPES
    }

    nearest = {
        shape: max(SHAPES, key=lambda other: shared(picture, drawings[other]))
        for shape, picture in painted.items()
    }
    assert nearest == {shape: shape for shape in SHAPES}


@pytest.mark.parametrize(("colour", "name"), ZH.items())
def test_it_reads_chinese(paint: Paint, colour: str, name: str) -> None:
    assert named(edges(paint(f"{name}背景上的黑色圆形", 2))) == colour


def test_things_lie_where_they_are_said_to_be(paint: Paint) -> None:
    for place, left, top in (
        ("left", 0, 16),
        ("right", 32, 16),
        ("top", 16, 0),
        ("bottom", 16, 32),
    ):
        prompt = f"a black circle {'at' if place in ('top', 'bottom') else 'on'} the {place} on a"
        picture = paint(f"{prompt} white background", 1).astype(int).sum(2)
        dark = picture < 300

        assert dark[top : top + 32, left : left + 32].sum() > 0.8 * dark.sum() > 40


def test_skies_have_their_time_of_day(paint: Paint) -> None:
    night = paint("the sea at night", 1)[:24].astype(int)
    day = paint("the sea on a sunny day", 1)[:24].astype(int)
    sunset = paint("a sunset over the sea", 1)[16:32].astype(int)

    assert night.mean() < 70
    assert day[:, :, 2].mean() > 180
    assert sunset[:, :, 0].mean() > sunset[:, :, 2].mean() + 20


def test_words_that_it_does_not_know_change_nothing(paint: Paint) -> None:
    known = paint("a red heart on a white background", 3)

    assert np.abs(known.astype(int) - paint("a red heart on a white background !!!", 3)).max() == 0
    wordy = paint("kindly, a red heart on a white background", 3)
    assert np.abs(known.astype(int) - wordy).mean() < 12


def test_another_seed_gives_another_picture(paint: Paint) -> None:
    first = paint("a tree in a field", 1)

    assert np.array_equal(first, paint("a tree in a field", 1))
    assert not np.array_equal(first, paint("a tree in a field", 2))
