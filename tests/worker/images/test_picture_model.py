"""The tiny model of the tests is one for the library."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.picture_models import FILES, OWN_SIZE, write_picture_model


@pytest.fixture(scope="module")
def inpainting(picture_model: Path) -> Any:
    genai: Any = import_module("openvino_genai")
    return genai.InpaintingPipeline(str(picture_model), "CPU", INFERENCE_NUM_THREADS=1)


def painted(pipeline: Any, prompt: str, seed: int, *given: Any, **more: Any) -> NDArray[np.uint8]:
    settings = {"num_inference_steps": 4, "guidance_scale": 3.0, "rng_seed": seed, **more}
    return pipeline.generate(prompt, *given, **settings).data[0].copy()


def test_it_is_written_the_same_each_time(picture_model: Path, tmp_path: Path) -> None:
    again = write_picture_model(tmp_path / "again")

    for name in FILES:
        assert (again / name).read_bytes() == (picture_model / name).read_bytes(), name
    assert {str(one.relative_to(again)) for one in again.rglob("*") if one.is_file()} == {*FILES}


def test_prompts_and_seeds_change_its_pictures(inpainting: Any) -> None:
    genai: Any = import_module("openvino_genai")
    pipeline = genai.Text2ImagePipeline(genai.Image2ImagePipeline(inpainting))
    size = {"width": OWN_SIZE, "height": OWN_SIZE}

    first = painted(pipeline, "a cat", 1, **size)

    assert first.shape == (OWN_SIZE, OWN_SIZE, 3)
    assert first.std() > 20
    assert np.array_equal(first, painted(pipeline, "a cat", 1, **size))
    assert not np.array_equal(first, painted(pipeline, "a dog", 1, **size))
    assert not np.array_equal(first, painted(pipeline, "a cat", 2, **size))
    assert painted(pipeline, "猫 \U0001f600 ", 2, width=64, height=48).shape == (48, 64, 3)


def test_it_keeps_what_it_begins_with(inpainting: Any) -> None:
    genai: Any = import_module("openvino_genai")
    tensor = import_module("openvino").Tensor
    begun = np.zeros((1, OWN_SIZE, OWN_SIZE, 3), np.uint8)
    begun[:, : OWN_SIZE // 2] = [200, 30, 60]
    mask = np.zeros_like(begun)
    mask[:, OWN_SIZE // 2 :] = 255

    changed = painted(genai.Image2ImagePipeline(inpainting), "x", 1, tensor(begun), strength=0.5)
    inpainted = painted(inpainting, "x", 1, tensor(begun), tensor(mask), strength=0.9)

    top, bottom = changed[: OWN_SIZE // 2], changed[OWN_SIZE // 2 :]
    assert top[:, :, 0].mean() > bottom[:, :, 0].mean() + 30
    kept = inpainted[: OWN_SIZE // 2 - 4].astype(int)
    assert np.abs(kept - begun[0, 0, 0].astype(int)).max() <= 2
    assert inpainted[OWN_SIZE // 2 + 4 :].std() > 20
