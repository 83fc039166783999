"""Writes the trained networks as a folder in OpenVINO GenAI's format, with weights of 8 bits."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov
import torch
from openvino import opset13 as ops
from openvino_tokenizers.tokenizer_pipeline import (
    CaseFoldStep,
    CombineSegmentsStep,
    PaddingStep,
    RegexSplitStep,
    Sequence,
    SpecialTokensSplit,
    TokenizerPipeline,
    TruncationStep,
    VocabEncoderStep,
)
from openvino_tokenizers.utils import change_outputs_type
from torch import Tensor, nn

from tools.tiny_picture.description import CODE_LENGTH
from tools.tiny_picture.drawing import SIZE
from tools.tiny_picture.model import CHANNELS, GRID, STEPS, Painter, Reader
from tools.tiny_picture.outline import Outline
from tools.tiny_picture.train import BUILD, Coder, averaged
from tools.tiny_picture.words import LENGTH, PADDING, PATTERN, UNKNOWN, vocabulary

EMBEDDED: Final = Path(__file__).parents[2] / "server/funland_server/models/embedded/funland-sketch"
_LEAST: Final = 4096
"""Fewer weights stay as they are: it would save nothing."""
_SURE: Final = -20.0

_SCHEDULER: Final[Mapping[str, Any]] = {
    "_class_name": "DDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": STEPS,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "trailing",
}
_INDEX: Final[Mapping[str, Any]] = {
    "_class_name": "StableDiffusionPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
_VAE: Final[Mapping[str, Any]] = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [16, 32, 64, 128],
    "in_channels": 3,
    "latent_channels": CHANNELS,
    "out_channels": 3,
    "sample_size": SIZE,
    "scaling_factor": 1.0,
}


class _Texts(nn.Module):
    """As pipelines want it: states of a prompt, of which there is one, and their summary."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        code = self.reader.code(ids)
        return code[:, None], code


class _Noise(nn.Module):
    def __init__(self, outline: nn.Module, painter: nn.Module) -> None:
        super().__init__()
        self.outline, self.painter = outline, painter

    def forward(self, sample: Tensor, timestep: Tensor, states: Tensor) -> Tensor:
        codes = states[:, 0]
        return self.painter(sample, timestep, codes, self.outline(codes))


class _Latents(nn.Module):
    """A mean for each number of a latent, and how unsure it is: not at all."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> Tensor:
        mean = self.encoder(pictures)
        return torch.cat([mean, mean * 0 + _SURE], 1)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    folder: Path = parser.parse_args().out
    words = vocabulary()
    reader = averaged("reader", Reader(len(words)))
    coder = averaged("coder", Coder())
    measures: dict[str, Tensor] = torch.load(BUILD / "latents.pt")
    for part in (coder.encoder, coder.decoder):
        part.mean.copy_(measures["mean"][:, None, None])
        part.spread.copy_(measures["spread"][:, None, None])
    outline = averaged("outline", Outline())
    painter = averaged("painter", Painter())
    latent, picture = torch.zeros(2, CHANNELS, GRID, GRID), torch.zeros(2, 3, SIZE, SIZE)
    ids = torch.zeros(2, LENGTH, dtype=torch.int64)
    time, states = torch.tensor([5]), torch.zeros(2, 1, CODE_LENGTH)
    text = {"max_position_embeddings": LENGTH, "num_hidden_layers": 1, "hidden_size": CODE_LENGTH}
    unet = {
        "_class_name": "UNet2DConditionModel",
        "cross_attention_dim": CODE_LENGTH,
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "sample_size": GRID,
    }
    parts: tuple[tuple[str, nn.Module, dict[str, Tensor], list[str], Mapping[str, Any]], ...] = (
        (
            "text_encoder", _Texts(reader), {"input_ids": ids},
            ["last_hidden_state", "pooler_output"], text,
        ),
        (
            "unet", _Noise(outline, painter),
            {"sample": latent, "timestep": time, "encoder_hidden_states": states},
            ["out_sample"], unet,
        ),
        ("vae_decoder", coder.decoder, {"latent_sample": latent}, ["sample"], _VAE),
        ("vae_encoder", _Latents(coder.encoder), {"sample": picture}, ["latent_parameters"], _VAE),
    )  # fmt: skip
    for name, module, given, outputs, config in parts:
        _save(_network(module, given, outputs), folder / name / "openvino_model.xml")
        _write(folder / name / "config.json", config)
    _save(_tokenizer(words), folder / "tokenizer" / "openvino_tokenizer.xml")
    tokens = {"pad_token": words[PADDING], "unk_token": words[UNKNOWN], "model_max_length": LENGTH}
    _write(folder / "tokenizer" / "tokenizer_config.json", tokens)
    _write(folder / "scheduler" / "scheduler_config.json", _SCHEDULER)
    _write(folder / "generation_config.json", {"guidance_scale": 1.5, "num_inference_steps": 20})
    _write(folder / "model_index.json", _INDEX)
    files = [one for one in folder.rglob("*") if one.is_file()]
    print(f"{sum(one.stat().st_size for one in files)} bytes in {len(files)} files")


def _network(module: nn.Module, given: Mapping[str, Tensor], outputs: list[str]) -> ov.Model:
    """The network for any number of pictures; `given` are examples of what it gets."""
    with torch.no_grad():
        model = ov.convert_model(module.eval(), example_input=tuple(given.values()))
    shapes: dict[Any, ov.PartialShape] = {}
    for port, (name, one) in zip(model.inputs, given.items(), strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
        shapes[port] = ov.PartialShape([-1, *one.shape[1:]])
    for port, name in zip(model.outputs, outputs, strict=True):
        port.get_tensor().set_names({name})
    model.reshape(shapes)
    _halve(model)
    return model


def _halve(model: ov.Model) -> None:
    """Weights become whole numbers from -127 to 127, with a scale for each row."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() != ov.Type.f32:
            continue
        values = node.data
        if values.ndim < 2 or values.size < _LEAST:
            continue
        axes = tuple(range(1, values.ndim))
        scale = np.abs(values).max(axes, keepdims=True).astype(np.float32) / 127
        scale = np.maximum(scale, np.float32(1e-8))
        whole = ops.constant(np.round(values / scale).astype(np.int8))
        back = ops.multiply(ops.convert(whole, np.float32), ops.constant(scale))
        readers = list(node.output(0).get_target_inputs())
        for reader in readers:
            reader.replace_source_output(back.output(0))
    model.validate_nodes_and_infer_types()


def _tokenizer(words: list[str]) -> ov.Model:
    """Finds the words of a prompt in the vocabulary."""
    padding = PaddingStep(token=words[PADDING])
    padding.token_id = PADDING
    pipeline = TokenizerPipeline()
    for step in (
        SpecialTokensSplit.from_string_iter(words[:2]),
        CaseFoldStep(),
        RegexSplitStep(PATTERN, invert=True, behaviour="remove"),
        VocabEncoderStep(words, default_value=UNKNOWN),
        TruncationStep(LENGTH, truncation=True),
        CombineSegmentsStep([Sequence()]),
        padding,
    ):
        pipeline.add_steps(step)
    model = pipeline.get_tokenizer_ov_subgraph()
    model.inputs[0].set_names({"string_input"})
    change_outputs_type(model, ov.Type.i64)
    for name, token in (("pad", PADDING), ("eos", PADDING), ("bos", PADDING)):
        model.set_rt_info(token, f"{name}_token_id")
    return model


def _save(model: ov.Model, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, node in enumerate(model.get_ordered_ops()):
        if node.get_type_name() != "Parameter" or node.get_friendly_name().startswith("Param"):
            node.set_friendly_name(f"node_{number}")
    ov.save_model(model, str(path), compress_to_fp16=True)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
