"""Paints a sheet of prompts with an exported model, as users get them."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from tools.tiny_picture.drawing import SIZE

PROMPTS: Final = (
    "a red circle on a blue background",
    "a big yellow star on a black background",
    "a small white heart on a red background",
    "a purple ring on a yellow background",
    "a green square and a pink heart on a white background",
    "a white triangle above an orange circle on a green background",
    "three purple diamonds on an orange background",
    "two green crosses on a pink background",
    "a sunset over the sea with a boat",
    "a house in the snow with mountains at night",
    "a tree in a green field on a sunny day",
    "a cactus in the desert with mountains at sunset",
    "an island in the sea under a blue sky",
    "a snowman in the snow",
    "the sea at night with the moon and stars",
    "flowers in a meadow on a cloudy day",
    "a pyramid in the desert at dawn",
    "蓝色背景上的红色星形",
    "夜晚的大海，有小船和月亮",
    "a cat riding a bicycle",
)
"""The last is of nothing that it knows."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=1.5)
    options = parser.parse_args()
    genai: Any = import_module("openvino_genai")
    pipeline = genai.Text2ImagePipeline(str(options.model), "CPU", INFERENCE_NUM_THREADS=1)

    def painted(prompt: str, seed: int) -> np.ndarray:
        return (
            pipeline.generate(
                prompt,
                width=SIZE,
                height=SIZE,
                num_inference_steps=options.steps,
                guidance_scale=options.guidance,
                rng_seed=seed,
            )
            .data[0]
            .copy()
        )

    columns = [
        np.concatenate([painted(prompt, seed) for seed in range(1, options.seeds + 1)], 0)
        for prompt in PROMPTS
    ]
    half = len(columns) // 2
    sheet = np.concatenate(
        [np.concatenate(columns[:half], 1), np.concatenate(columns[half:], 1)], 0
    )
    image = Image.fromarray(sheet)
    image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST).save(options.out)


if __name__ == "__main__":
    main()
