"""What is an adapter for a model that paints."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland_server.models.adapters.picture_lora import flaw
from tests.adaptable_pictures import CONVOLUTION, LAYERS, READER, safetensors, write_adaptable

Tensors = dict[str, NDArray[Any]]
DOWN, UP = f"unet.{LAYERS[0]}.lora_A.weight", f"unet.{LAYERS[0]}.lora_B.weight"


@pytest.fixture(scope="module")
def folder(picture_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adaptable(picture_model, tmp_path_factory.mktemp("models") / "adaptable")


def zeros(*shape: int, kind: type[np.generic] = np.float32) -> NDArray[Any]:
    return np.zeros(shape, kind)


def good() -> Tensors:
    return {
        DOWN: zeros(4, 8), UP: zeros(8, 4), f"unet.{LAYERS[0]}.alpha": zeros(1),
        f"lora_te_{READER.replace('.', '_')}.lora_down.weight": zeros(2, 8, kind=np.float16),
        f"lora_te_{READER.replace('.', '_')}.lora_up.weight": zeros(8, 2, kind=np.float16),
        f"{CONVOLUTION}.lora_A.weight": zeros(2, 4, 1, 1),
        f"{CONVOLUTION}.lora_B.weight": zeros(4, 2, 1, 1),
    }  # fmt: skip


def test_one_that_fits_has_no_flaw(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "good.safetensors"
    path.write_bytes(safetensors(good()))

    assert flaw(path, folder) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({UP: None}, "no pair"),
        ({DOWN: None}, "no pair"),
        ({UP: zeros(8, 3)}, "shapes"),
        ({DOWN: zeros(4, 9)}, "shapes"),
        ({DOWN: zeros(32)}, "shapes"),
        ({DOWN: zeros(4, 8, 1, 1)}, "shapes"),
        ({DOWN: zeros(0, 8), UP: zeros(8, 0)}, "rank 0"),
        ({DOWN: zeros(1025, 8), UP: zeros(8, 1025)}, "rank 1025"),
        ({DOWN: zeros(4, 8, kind=np.float64)}, "no floats"),
        ({f"{LAYERS[0]}.lora_A.weight": zeros(4, 8)}, "two of"),
        ({"unet.mid_block.lora_A.weight": zeros(4, 8)}, "no layer"),
        ({"text_encoder_2.x.lora_A.weight": zeros(4, 8)}, "text_encoder_2"),
        ({f"unet.{LAYERS[0]}.dora_scale": zeros(8)}, "none of a LoRA's"),
        ({f"unet.{LAYERS[0]}.alpha": zeros(2)}, "alpha"),
        ({f"unet.{LAYERS[0]}.alpha": zeros(1) * np.nan}, "alpha"),
        (dict.fromkeys(good()), "no tensors"),
    ],
)
def test_what_does_not_fit_is_told(
    folder: Path, tmp_path: Path, changed: dict[str, NDArray[Any] | None], told: str
) -> None:
    tensors, path = {**good(), **changed}, tmp_path / "bad.safetensors"
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    path.write_bytes(safetensors(kept))

    assert told in (flaw(path, folder) or "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cut short"),
        (b"GGUF", "cut short"),
        (struct.pack("<Q", 2**63) + b"{}", "longer than itself"),
        (struct.pack("<Q", 2) + b"[]", "not an object"),
        (struct.pack("<Q", 2) + b"{}", "no tensors"),
        (safetensors(good())[:-1], "not as large as it says"),
    ],
)
def test_what_is_no_such_file_is_told(
    folder: Path, tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)

    assert told in (flaw(path, folder) or "")


def test_what_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    assert flaw(tmp_path / "none", folder) == "there is no such file"
    assert flaw(tmp_path, folder) == "there is no such file"


def test_offsets_that_lie_outside_are_told(folder: Path, tmp_path: Path) -> None:
    header = {DOWN: {"dtype": "F32", "shape": [1, 1], "data_offsets": [-4, 0]}}
    text = json.dumps(header).encode()
    path = tmp_path / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))

    assert "impossible shape" in (flaw(path, folder) or "")
