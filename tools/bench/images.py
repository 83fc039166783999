"""What a model paints through the service, beside its pipeline called directly:
`make bench-images`.

Both paint the same pictures in the same run, turn by turn; steps in a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

import grpc

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.images_pb2_grpc import ImageServiceStub
from funland_client import Funland
from tools.bench.services import funland

_PROMPT = "a red square on a blue background"
_GUIDANCE = 3.0
_THREADS = 1


def direct(pipeline: Any, side: int, steps: int, seed: int) -> float:
    """Steps a second of the pipeline."""
    began = time.perf_counter()
    pipeline.generate(
        _PROMPT, width=side, height=side, num_inference_steps=steps, guidance_scale=_GUIDANCE,
        rng_seed=seed,
    )  # fmt: skip
    return steps / (time.perf_counter() - began)


def served(stub: Any, model: str, side: int, steps: int, seed: int) -> float:
    """Steps a second of the service, until the picture's file is here."""
    began = time.perf_counter()
    request = GenerateImagesRequest(
        model=model, prompt=_PROMPT, width=side, height=side, steps=steps, seed=seed,
        guidance_scale=_GUIDANCE,
    )  # fmt: skip
    answer = stub.GenerateImages(request)
    if len(answer.images) != 1:
        raise ValueError("no picture came")
    return steps / (time.perf_counter() - began)


def main(say: Callable[[str], None] = print) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a folder with a model that paints")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=64, help="of the pictures, in pixels")
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 20, 50])
    arguments = parser.parse_args()
    genai: Any = import_module("openvino_genai")
    pipeline = genai.Text2ImagePipeline(arguments.model, "CPU", INFERENCE_NUM_THREADS=_THREADS)
    with (
        tempfile.TemporaryDirectory() as home,
        funland(Path(home)) as service,
        grpc.insecure_channel(service.grpc) as channel,
    ):
        with Funland(service.grpc, timeout=300) as client:
            client.models.import_file(arguments.model, "bench")
            client.models.load("bench", threads=_THREADS)
        stub = ImageServiceStub(channel)
        direct(pipeline, arguments.side, 1, 0)
        served(stub, "bench", arguments.side, 1, 0)
        say(f"{arguments.side}x{arguments.side}, one thread, {arguments.rounds} rounds; medians")
        say("steps  pipeline  service  ratio  (steps a second)")
        for steps in arguments.steps:
            rounds = [
                (
                    direct(pipeline, arguments.side, steps, 1),
                    served(stub, "bench", arguments.side, steps, 1),
                )
                for _ in repeat(None, arguments.rounds)
            ]
            own, ours = (median(each) for each in zip(*rounds, strict=True))
            ratio = median(other / one for one, other in rounds)
            say(f"{steps:5}  {own:8.1f}  {ours:7.1f}  {ratio:5.2f}")


if __name__ == "__main__":
    main()
