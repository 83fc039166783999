"""LoRA adapters of a model that paints."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.models_pb2 import Model
from funland.worker.v1.worker_pb2 import Job, Launch, PaintImages
from funland_server.models.adapters.picture_lora import placed as placed_by_server
from funland_worker.engines.protocol import EngineError
from funland_worker.images.engine import PaintingEngine
from funland_worker.images.loading import load
from funland_worker.images.lora import Adapter, nothing, placed, read_adapter, to_file
from tests.adaptable_pictures import (
    CONVOLUTION,
    LAYERS,
    READER,
    safetensors,
    write_adaptable,
)

Tensors = Mapping[str, NDArray[Any]]
normal = np.random.default_rng(5).standard_normal


def matrix(*shape: int) -> NDArray[np.float32]:
    return (0.5 * normal(shape)).astype(np.float32)


DOWN, UP = matrix(4, 8), matrix(8, 4)
KOHYA = f"lora_unet_{LAYERS[0].replace('.', '_')}"
FORMS: Mapping[str, Tensors] = {
    "kohya": {
        f"{KOHYA}.lora_down.weight": DOWN, f"{KOHYA}.lora_up.weight": UP,
        f"{KOHYA}.alpha": np.array(4, np.float32),
    },
    "diffusers": {
        f"unet.{LAYERS[0]}.lora_A.weight": DOWN, f"unet.{LAYERS[0]}.lora_B.weight": UP,
    },
    "older diffusers": {
        f"unet.{LAYERS[0]}.lora.down.weight": DOWN, f"unet.{LAYERS[0]}.lora.up.weight": UP,
    },
    "peft": {
        f"base_model.model.{LAYERS[0]}.lora_A.default.weight": DOWN,
        f"base_model.model.{LAYERS[0]}.lora_B.default.weight": UP,
    },
    "plain": {f"{LAYERS[0]}.lora_A.weight": DOWN, f"{LAYERS[0]}.lora_B.weight": UP},
}  # fmt: skip
"""The same adapter, as different programs write it."""
OTHERS: Mapping[str, Tensors] = {
    "half": {
        f"{KOHYA}.lora_down.weight": DOWN, f"{KOHYA}.lora_up.weight": UP,
        f"{KOHYA}.alpha": np.array(2, np.float32),
    },
    "other": {
        f"unet.{LAYERS[1]}.lora_A.weight": matrix(3, 8),
        f"unet.{LAYERS[1]}.lora_B.weight": matrix(8, 3),
    },
    "window": {
        f"unet.{CONVOLUTION}.lora_A.weight": matrix(2, 4, 1, 1),
        f"unet.{CONVOLUTION}.lora_B.weight": 0.05 * matrix(4, 2, 1, 1),
    },
    "reader": {
        f"text_encoder.{READER}.lora_A.weight": matrix(2, 8),
        f"text_encoder.{READER}.lora_B.weight": matrix(8, 2),
    },
}  # fmt: skip


ROUNDING = 3
"""Of 255."""


def apart(one: bytes, other: bytes) -> int:
    """How far two pictures are apart where they are farthest."""
    first, second = (np.asarray(Image.open(io.BytesIO(each)), np.int32) for each in (one, other))
    return int(abs(first - second).max())


@pytest.fixture(scope="module")
def folder(picture_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adaptable(picture_model, tmp_path_factory.mktemp("models") / "adaptable")


@pytest.fixture(scope="module")
def engine(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PaintingEngine:
    files = tmp_path_factory.mktemp("adapters")
    launch = Launch(model_path=str(folder), format=Model.OPENVINO_IR, kind=Model.IMAGE)
    for name, tensors in {**FORMS, **OTHERS}.items():
        path = files / f"{name}.safetensors"
        path.write_bytes(safetensors(tensors))
        launch.adapters[name] = str(path)
    return load(launch)


async def painted(engine: PaintingEngine, adapters: Mapping[str, float], **more: Any) -> bytes:
    said = [{"adapter_id": name, "scale": scale} for name, scale in adapters.items()]
    fields: dict[str, Any] = {"prompt": "a cat", "steps": 4, "seed": 3, "adapters": said, **more}
    job = Job(paint=PaintImages(request=GenerateImagesRequest(**fields), most_pixels=1024 * 1024))
    return b"".join([event.artefact.data async for event in engine.run(job)])


async def test_whoever_wrote_it_an_adapter_paints_the_same(
    engine: PaintingEngine, folder: Path
) -> None:
    bare = load(Launch(model_path=str(folder), format=Model.OPENVINO_IR, kind=Model.IMAGE))

    without = await painted(engine, {})
    pictures = {name: await painted(engine, {name: 1.0}) for name in FORMS}

    assert len({*pictures.values()}) == 1
    assert without not in pictures.values()
    # Its network has places for adapters, which some processors add up in another order.
    assert apart(without, await painted(bare, {})) <= ROUNDING < apart(without, pictures["kohya"])


async def test_an_adapter_counts_as_strongly_as_it_was_trained_to(engine: PaintingEngine) -> None:
    """The library passes over `alpha`: half of the rank is half the strength."""
    assert await painted(engine, {"half": 1.0}) == await painted(engine, {"kohya": 0.5})


async def test_what_was_painted_before_does_not_matter(engine: PaintingEngine) -> None:
    """With none, then some, then others, and with pictures that begin with pictures between."""
    asked: list[dict[str, float]] = [
        {}, {"kohya": 1.0}, {"kohya": 0.5}, {"other": 1.0}, {"window": 1.0}, {"reader": 1.0},
        {"kohya": 1.0, "other": 0.5}, {"kohya": 0.5, "other": 1.0}, {"reader": -0.5, "window": 2.0},
        {"kohya": 0.0},
    ]  # fmt: skip
    first = [await painted(engine, each) for each in asked]

    for number in map(int, np.random.default_rng(0).integers(0, len(asked), 40)):
        assert await painted(engine, asked[number]) == first[number], asked[number]

    assert first[0] == first[-1]
    assert len({*first}) == len(first) - 1


def test_server_and_worker_read_names_alike() -> None:
    places = {
        "lora_unet_a_b.lora_down.weight": ("unet", "a_b", "down"),
        "unet.a.b.lora_B.weight": ("unet", "a_b", "up"),
        "a.b.lora.up.weight": ("unet", "a_b", "up"),
        "a.b.lora_A.default.weight": ("unet", "a_b", "down"),
        "lora_te_a.alpha": ("text_encoder", "a", "alpha"),
        "text_encoder.a.lora_A.weight": ("text_encoder", "a", "down"),
        "lora_te2_a.lora_up.weight": ("text_encoder_2", "a", "up"),
    }
    networks = {"unet": "unet", "text_encoder": "te", "text_encoder_2": "te2"}

    for name, (network, layer, part) in places.items():
        assert placed_by_server(name) == (network, layer, part)
        assert placed(name, several_readers=False) == (f"lora_{networks[network]}_{layer}", part)
    for name in ("a.dora_scale", "a.lora_A.bias", "a.diff", "lora_A.weight"):
        assert placed_by_server(name) is None
        with pytest.raises(ValueError, match=name):
            placed(name, several_readers=False)
    assert placed("lora_te1_a.alpha", several_readers=True)[0] == "lora_te1_a"


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_adapter_with_what_is_no_number_is_refused(tmp_path: Path, wrong: float) -> None:
    down = DOWN.copy()
    down[1, 2] = wrong
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors({"a.b.lora_A.weight": down, "a.b.lora_B.weight": UP}))

    with pytest.raises(EngineError) as raised:
        read_adapter(path, several_readers=False)

    assert raised.value.reason == ErrorReason.ADAPTER_INVALID
    assert "no number in lora_unet_a_b" in str(raised.value)


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_numbers_of_16_bits_are_read(tmp_path: Path, kind: str) -> None:
    down, up = np.array([[0.5, -2.0]], np.float32), np.array([[1.5], [4.0]], np.float32)
    halves = [
        one.astype(np.float16) if kind == "F16" else (one.view(np.uint32) >> 16).astype(np.int16)
        for one in (down, up)
    ]
    data = safetensors(dict(zip(("a.lora_A.weight", "a.lora_B.weight"), halves, strict=True)))
    path = tmp_path / "a.safetensors"
    path.write_bytes(data.replace(b'"I16"', b'"BF16"'))
    length = struct.unpack("<Q", data[:8])[0] + 2 * (kind == "BF16")
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])

    [(layer, pair)] = read_adapter(path, several_readers=False).items()

    assert layer == "lora_unet_a"
    assert np.array_equal(pair.down, down)
    assert np.array_equal(pair.up, up)


def test_nothing_has_all_layers_and_changes_none(tmp_path: Path) -> None:
    adapters = list[Adapter]()
    for name, tensors in OTHERS.items():
        (tmp_path / name).write_bytes(safetensors(tensors))
        adapters.append(read_adapter(tmp_path / name, several_readers=False))

    none = nothing(adapters)

    assert {*none} == {layer for adapter in adapters for layer in adapter}
    assert all(not pair.down.any() and not pair.up.any() for pair in none.values())
    assert {pair.down.shape[0] for pair in none.values()} == {1}
    assert to_file(none).dtype == np.uint8


def test_a_file_that_is_not_what_was_attached_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff" * 20)

    with pytest.raises(EngineError) as raised:
        read_adapter(tmp_path / "a", several_readers=False)

    assert raised.value.reason == ErrorReason.ADAPTER_INVALID
