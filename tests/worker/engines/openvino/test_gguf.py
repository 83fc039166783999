"""A GGUF file becomes the same model for OpenVINO, or is refused by what would make it another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import openvino
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.openvino.gguf import MODEL, convert
from funland_worker.engines.openvino.loading import load
from funland_worker.engines.openvino.request import Request, text_inputs
from funland_worker.engines.protocol import EngineError
from tests.split_files import split
from tests.worker.engines.llama_cpp.fresh_context import last_logits, new_context
from tools.zoo.files import write_model

TOKENS = list(range(500, 530))
NEAR = 0.1
SCALES, ROTATED = ("scale",), ("attn_q.bias", "attn_k.bias")
PLAIN = {
    "llama": (*SCALES, *ROTATED),
    "qwen2": (*SCALES, "output.bias"),
    "qwen3": (*SCALES, "cls.output.weight"),
}
"""What llama.cpp knows of an architecture and OpenVINO does not, or not rightly."""


def write(folder: Path, architecture: str, without: tuple[str, ...], **changes: Any) -> Path:
    return write_model(folder, architecture, without=without, half=True, **changes)


def llama_logits(path: Path) -> NDArray[np.float32]:
    model = LlamaModel(path)
    context = new_context(model, len(TOKENS))
    batch = Batch(len(TOKENS))
    batch.add(0, 0, TOKENS, outputs=1)
    assert batch.decode(context) == 0
    return last_logits(model, context).copy()


def openvino_logits(folder: Path) -> NDArray[np.float32]:
    core: Any = openvino.Core()
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    request = Request(core.compile_model(core.read_model(folder / MODEL), "CPU", config))
    request.forget()
    return request.infer(text_inputs(TOKENS))[0][-1]


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("llama", {}),
        ("llama", {"attention__head_count_kv": 1}),
        ("llama", {"attention__key_length": 16, "attention__value_length": 16,
                   "rope__dimension_count": 16}),
        ("llama", {"rope__scaling__type": "none", "rope__scaling__factor": 4.0}),
        ("qwen2", {"rope__freq_base": 1e6}),
        ("qwen3", {"attention__layer_norm_rms_epsilon": 0.1}),
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_llama_cpp(
    tmp_path: Path, architecture: str, changes: dict[str, Any]
) -> None:
    path = write(tmp_path, architecture, PLAIN[architecture], **changes)
    convert(path, tmp_path / "converted")

    expected, got = llama_logits(path), openvino_logits(tmp_path / "converted")

    assert np.abs(expected - got).max() < NEAR < np.ptp(expected) / 100


@pytest.mark.parametrize(
    ("architecture", "without", "changes", "feature"),
    [
        ("llama", SCALES, {}, "tensor blk.0.attn_q.bias"),
        ("llama", (*SCALES, "attn_q.bias"), {}, "tensor blk.0.attn_k.bias"),
        ("llama", ROTATED, {}, "tensor blk.0.attn_q.scale"),
        ("qwen2", SCALES, {}, "tensor output.bias"),
        ("qwen3", SCALES, {}, "tensor cls.output.weight"),
        ("llama", PLAIN["llama"], {"rope__scaling__type": "linear", "rope__scaling__factor": 2.0},
         "rope.scaling.type"),
        ("qwen2", PLAIN["qwen2"], {"rope__scaling__factor": 4.0}, "rope.scaling.factor"),
        ("qwen3", PLAIN["qwen3"], {"rope__scale_linear": 4.0}, "rope.scale_linear"),
        ("llama", PLAIN["llama"], {"rope__scaling__attn_factor": 2.0}, "rope.scaling.attn_factor"),
        ("qwen2", PLAIN["qwen2"], {"attention__causal": False}, "attention.causal"),
        ("gemma3", (), {}, "architecture gemma3"),
    ],
)  # fmt: skip
def test_what_would_make_another_model_is_refused_by_name(
    tmp_path: Path,
    architecture: str,
    without: tuple[str, ...],
    changes: dict[str, Any],
    feature: str,
) -> None:
    path = write(tmp_path, architecture, without, **changes)

    error = refused(path, tmp_path / "converted")

    assert error.metadata == {"engine": "OPENVINO", "feature": feature}
    assert feature.rpartition(" ")[2] in error.message


def test_frequencies_may_be_there_if_they_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "llama", PLAIN["llama"])
    reader: Any = gguf.GGUFReader(path, "r+")
    frequencies = next(one for one in reader.tensors if one.name == "rope_freqs.weight")
    assert (frequencies.data == 1).all()
    convert(path, tmp_path / "as they are")

    frequencies.data[-1] = 8.0  # as Llama 3.1 to 3.3 have it for the slowest
    reader.data.flush()

    assert refused(path, tmp_path / "changed").metadata["feature"] == "tensor rope_freqs.weight"


def test_several_files_are_refused_by_name(model_path: Path, tmp_path: Path) -> None:
    paths = split(model_path, tmp_path, "tiny", 3)

    error = refused(paths[0], tmp_path / "converted")

    assert error.metadata["feature"] == "format GGUF in several files"


def test_what_was_made_with_less_care_is_thrown_away(model_path: Path, tmp_path: Path) -> None:
    library.start()
    outdated, other = tmp_path / "openvino-1-abc", tmp_path / "ctranslate2-1-int8-abc"
    outdated.mkdir()
    other.mkdir()
    settings = LoadSettings(slots=1, threads=1, context_length=64)
    launch = Launch(
        model_path=str(model_path), format=Model.GGUF, settings=settings, model_sha256="abc",
        conversion_folder=str(tmp_path),
    )  # fmt: skip

    load(launch)

    assert {path.name for path in tmp_path.iterdir()} == {"openvino-2-abc", other.name}


def refused(path: Path, target: Path) -> EngineError:
    with pytest.raises(EngineError) as raised:
        convert(path, target)
    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert not target.exists()
    return raised.value
