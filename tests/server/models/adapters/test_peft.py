"""Adapters as PEFT has them: taken with their true scale, refused by name, and given back."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from funland_server.models.adapters.lora import check_adapter
from funland_server.models.adapters.peft.config import PeftError, read_config
from funland_server.models.adapters.peft.exporting import export_peft
from funland_server.models.adapters.peft.importing import import_peft
from funland_server.models.formats.gguf import GgufContents, read_contents
from funland_server.models.installed.embedded import embedded_model
from tests import lora_files

MODEL = embedded_model()
QUERY, DOWN = "model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"
CONFIG = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none"}

Numbers = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> GgufContents:
    return read_contents(MODEL.path)


def _weights(rank: int = 4, second: int = 4) -> dict[str, Numbers]:
    random = np.random.default_rng(1)
    sides = {QUERY: (256, 256, rank), DOWN: (704, 256, second)}
    made: dict[str, Numbers] = {}
    for module, (inputs, outputs, one) in sides.items():
        for side, shape in (("A", (one, inputs)), ("B", (outputs, one))):
            numbers = random.normal(0, 1, shape).astype(np.float32)
            made[f"base_model.model.{module}.lora_{side}.weight"] = numbers
    return made


def _folder(
    folder: Path, config: Mapping[str, Any], weights: Mapping[str, Numbers], kind: str = "F32"
) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    header: dict[str, Any] = {}
    data = b""
    for name, numbers in weights.items():
        part = numbers.astype({"F32": "<f4", "F16": "<f2"}[kind]).tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(numbers.shape),
            "data_offsets": [len(data), len(data) + len(part)],
        }
        data += part
    text = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def _added(path: Path) -> dict[str, Numbers]:
    """What llama.cpp adds to each tensor for an adapter of GGUF."""
    reader = gguf.GGUFReader(path)
    field = reader.get_field("adapter.lora.alpha")
    assert field is not None
    alpha = float(field.contents())
    found = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    return {
        name.removesuffix(".lora_a"): found[name.removesuffix("a") + "b"]
        @ found[name]
        * (alpha / len(found[name]))
        for name in found
        if name.endswith(".lora_a")
    }


@pytest.mark.parametrize(
    ("more", "query", "down"),
    [
        ({}, 8 / 4, 8 / 2),
        ({"use_rslora": True}, 8 / 2, 8 / 2**0.5),
        ({"alpha_pattern": {"q_proj": 3}}, 3 / 4, 8 / 2),
        ({"alpha_pattern": {"layers.1.mlp.down_proj": 3.5}}, 8 / 4, 3.5 / 2),
        ({"alpha_pattern": {"^model.layers.0.self_attn.q_proj": 3}}, 3 / 4, 8 / 2),
        ({"alpha_pattern": {"^q_proj": 3, "proj": 5}}, 8 / 4, 8 / 2),
        ({"alpha_pattern": {"q_proj": 3}, "use_rslora": True}, 3 / 2, 8 / 2**0.5),
    ],
)
def test_what_it_adds_is_scaled_as_peft_scales_it(
    tmp_path: Path, model: GgufContents, more: dict[str, Any], query: float, down: float
) -> None:
    weights = _weights(second=2)
    config = {**CONFIG, "rank_pattern": {"down_proj": 2}, **more}
    path = tmp_path / "adapter.gguf"

    import_peft(_folder(tmp_path / "peft", config, weights), model, path)

    check_adapter(path, MODEL)
    added = _added(path)
    assert added.keys() == {"blk.0.attn_q.weight", "blk.1.ffn_down.weight"}
    wanted = _product(weights, DOWN) * down
    np.testing.assert_allclose(added["blk.1.ffn_down.weight"], wanted, rtol=1e-4, atol=1e-5)
    # llama's rows of queries lie pair by pair, PEFT's half a head apart: 4 heads of 64.
    rows = (_product(weights, QUERY) * query).reshape(4, 2, 32, 256)
    wanted = rows.transpose(0, 2, 1, 3).reshape(256, 256)
    np.testing.assert_allclose(added["blk.0.attn_q.weight"], wanted, rtol=1e-4, atol=1e-5)


def test_half_precision_and_names_with_default_are_read(
    tmp_path: Path, model: GgufContents
) -> None:
    weights = {
        name.replace(".weight", ".default.weight"): numbers for name, numbers in _weights().items()
    }
    path = tmp_path / "adapter.gguf"

    import_peft(_folder(tmp_path / "peft", CONFIG, weights, "F16"), model, path)

    check_adapter(path, MODEL)
    wanted = _product(_weights(), DOWN) * 2
    np.testing.assert_allclose(_added(path)["blk.1.ffn_down.weight"], wanted, atol=0.1)


def test_there_and_back_nothing_is_lost(tmp_path: Path, model: GgufContents) -> None:
    first = lora_files.write(tmp_path / "first.gguf", alpha=6.0)

    files = export_peft(first, model, "funland-tiny")
    folder = tmp_path / "peft"
    folder.mkdir()
    (folder / "adapter_config.json").write_bytes(files.config)
    (folder / "adapter_model.safetensors").write_bytes(files.weights)
    import_peft(folder, model, tmp_path / "second.gguf")

    config = json.loads(files.config)
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (lora_files.RANK, 6, "LORA")
    assert config["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    before, after = _added(first), _added(tmp_path / "second.gguf")
    assert before.keys() == after.keys()
    for name, numbers in before.items():
        np.testing.assert_allclose(after[name], numbers, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "lora_only"}, "biases"),
        ({"lora_bias": True}, "biases"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
        ({"alora_invocation_tokens": [1]}, "certain tokens"),
        ({"r": 0}, "its r is '0'"),
        ({"r": "4"}, "its r is '4'"),
        ({"lora_alpha": None}, "its lora_alpha is 'None'"),
        ({"alpha_pattern": {"(q|k)_proj": 4}}, "no name of modules"),
        ({"alpha_pattern": []}, ""),
        ({"rank_pattern": [1]}, "its rank_pattern is not an object"),
    ],
)
def test_what_cant_be_kept_is_refused_by_name(more: dict[str, Any], why: str) -> None:
    text = json.dumps({**CONFIG, **more}).encode()
    if not why:  # as PEFT writes it where there is none
        read_config(text)
        return

    with pytest.raises(PeftError) as raised:
        read_config(text)

    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("name", "shape", "why"),
    [
        ("base_model.model.lm_head.lora_A.weight", (4, 256), "not of a linear layer"),
        ("base_model.model.model.embed_tokens.lora_embedding_A", (4, 9), "not of a linear layer"),
        (
            f"base_model.model.{QUERY}.lora_magnitude_vector.weight",
            (1, 256),
            "not of a linear layer",
        ),
        ("base_model.model.model.layers.0.mlp.experts.lora_A.weight", (4, 9), "not of a linear"),
        ("base_model.model.model.layers.99.mlp.up_proj.lora_A.weight", (4, 256), "no tensor"),
        ("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", (4, 256), "alone"),
        (f"base_model.model.{DOWN}.lora_A.weight", (4, 700), "don't fit"),
        (f"base_model.model.{DOWN}.lora_B.weight", (256, 3), "don't fit"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    tmp_path: Path, model: GgufContents, name: str, shape: tuple[int, int], why: str
) -> None:
    weights = {**_weights(), name: np.zeros(shape, np.float32)}

    with pytest.raises(PeftError) as raised:
        import_peft(_folder(tmp_path / "peft", CONFIG, weights), model, tmp_path / "a.gguf")

    assert why in str(raised.value)
    assert str(tmp_path) not in str(raised.value)
    assert not (tmp_path / "a.gguf").exists()


def test_a_folder_without_its_files_and_one_that_is_cut_short_are_refused(
    tmp_path: Path, model: GgufContents
) -> None:
    folder = _folder(tmp_path / "peft", CONFIG, _weights())
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(PeftError, match=r"adapter_model.safetensors"):
        import_peft(folder, model, tmp_path / "a.gguf")
    weights.unlink()
    with pytest.raises(PeftError, match=r"it has no adapter_model.safetensors"):
        import_peft(folder, model, tmp_path / "a.gguf")
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(PeftError, match="is not JSON"):
        import_peft(folder, model, tmp_path / "a.gguf")


def _product(weights: Mapping[str, Numbers], module: str) -> Numbers:
    up, down = (weights[f"base_model.model.{module}.lora_{side}.weight"] for side in "BA")
    return up @ down
