"""A text-to-image model in OpenVINO GenAI's format, of a few operations each.

It paints no thing, but what a big one does can be seen in it: its pictures are of other colours for
another prompt, of another grain for another seed, and keep what they begin with. 4 latent channels,
a VAE of factor 4, any size that this divides; its own size is 32x32. It loads in a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Neither tells its types.
ov: Final[Any] = import_module("openvino")
ops: Final[Any] = import_module("openvino.opset13")
steps: Final[Any] = import_module("openvino_tokenizers.tokenizer_pipeline")

FACTOR: Final = 4
"""Sizes are divisible by it."""
OWN_SIZE: Final = 32
"""How wide and high its pictures are if nothing is said, in pixels."""
_CHANNELS, _WIDTH, _LENGTH = 4, 8, 77
_START, _END, _VOCABULARY = 256, 257, 259

FILES: Final = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    *(
        f"{part}/{name}"
        for part in ("text_encoder", "unet", "vae_decoder", "vae_encoder")
        for name in ("config.json", "openvino_model.bin", "openvino_model.xml")
    ),
    "tokenizer/openvino_tokenizer.bin",
    "tokenizer/openvino_tokenizer.xml",
    "tokenizer/tokenizer_config.json",
)
"""What `write_picture_model` writes."""

_SCHEDULER: Final[Mapping[str, Any]] = {
    "_class_name": "DDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
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
    "block_out_channels": [8, 8, 8],
    "in_channels": 3,
    "latent_channels": _CHANNELS,
    "out_channels": 3,
    "sample_size": OWN_SIZE,
    "scaling_factor": 1.0,
}


def write_picture_model(folder: Path) -> Path:
    """Writes the model; the same bytes each time."""
    normal = np.random.default_rng(7).standard_normal
    networks: list[tuple[str, Callable[[], Any], Mapping[str, Any]]] = [
        (
            "text_encoder",
            partial(_text_encoder, normal((_VOCABULARY, _WIDTH)).astype(np.float32)),
            {
                "_class_name": "CLIPTextModel",
                "hidden_size": _WIDTH,
                "max_position_embeddings": _LENGTH,
                "num_hidden_layers": 1,
                "vocab_size": _VOCABULARY,
            },
        ),
        (
            "unet",
            partial(_unet, (0.06 * normal((_WIDTH, _CHANNELS))).astype(np.float32)),
            {
                "_class_name": "UNet2DConditionModel",
                "cross_attention_dim": _WIDTH,
                "in_channels": _CHANNELS,
                "out_channels": _CHANNELS,
                "sample_size": OWN_SIZE // FACTOR,
            },
        ),
        ("vae_decoder", _vae_decoder, _VAE),
        ("vae_encoder", _vae_encoder, _VAE),
    ]
    for name, make, config in networks:
        (folder / name).mkdir(parents=True)
        _save(make(), folder / name / "openvino_model.xml")
        _write(folder / name / "config.json", config)
    for name in ("tokenizer", "scheduler"):
        (folder / name).mkdir()
    _save(_tokenizer(), folder / "tokenizer" / "openvino_tokenizer.xml")
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    _write(folder / "tokenizer" / "tokenizer_config.json", {**tokens, "model_max_length": _LENGTH})
    _write(folder / "scheduler" / "scheduler_config.json", _SCHEDULER)
    _write(folder / "model_index.json", _INDEX)
    return folder


def save_unet(folder: Path, projection: NDArray[np.float32]) -> None:
    """Puts another painter into a model's folder: for prompts of [words, channels] numbers."""
    _save(_unet(projection), folder / "unet" / "openvino_model.xml")


def _text_encoder(table: NDArray[np.float32]) -> Any:
    """Looks each token up in a table."""
    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    states = ops.gather(ops.constant(table), ids, ops.constant(0))
    pooled = ops.reduce_mean(states, ops.constant([1]))
    return _model([ids], [(states, "last_hidden_state"), (pooled, "pooler_output")])


def _unet(projection: NDArray[np.float32]) -> Any:
    """Takes nearly all that it gets for noise, but for the colour that the prompt stands for."""
    sample = ops.parameter([-1, _CHANNELS, -1, -1], np.float32, name="sample")
    time = ops.parameter([-1], np.int64, name="timestep")
    words = len(projection)
    states = ops.parameter([-1, -1, words], np.float32, name="encoder_hidden_states")
    prompt = ops.reduce_mean(states, ops.constant([1]))
    colour = ops.matmul(prompt, ops.constant(projection), transpose_a=False, transpose_b=False)
    shape = ops.constant([0, 0, 1, 1])
    wide = ops.reshape(colour, shape, special_zero=True)
    share = ops.divide(ops.convert(time, np.float32), ops.constant(np.float32(1000)))
    noise = ops.subtract(
        ops.multiply(sample, ops.constant(np.float32(0.9))), ops.multiply(wide, share)
    )
    return _model([sample, time, states], [(noise, "out_sample")])


def _vae_decoder() -> Any:
    """The first three channels are the colours, each value a square."""
    latent = ops.parameter([-1, _CHANNELS, -1, -1], np.float32, name="latent_sample")
    axes = ops.constant([1])
    colours = ops.slice(latent, ops.constant([0]), ops.constant([3]), ops.constant([1]), axes)
    scales = ops.constant(np.array([1, 1, FACTOR, FACTOR], np.float32))
    picture = ops.interpolate(colours, scales, "nearest", "scales", axes=ops.constant([0, 1, 2, 3]))
    return _model([latent], [(picture, "sample")])


def _vae_encoder() -> Any:
    """The mean of each square; then 0, and twice as many channels that say how sure this is."""
    picture = ops.parameter([-1, 3, -1, -1], np.float32, name="sample")
    square = [FACTOR, FACTOR]
    means = ops.avg_pool(picture, square, [0, 0], [0, 0], square, True)
    first = ops.slice(
        means, ops.constant([0]), ops.constant([1]), ops.constant([1]), ops.constant([1])
    )
    nothing = ops.multiply(first, ops.constant(np.float32(0)))
    sure = ops.subtract(nothing, ops.constant(np.float32(20)))
    latent = ops.concat([means, nothing, *[sure] * _CHANNELS], 1)
    return _model([picture], [(latent, "latent_parameters")])


def _tokenizer() -> Any:
    """Each byte is a token, between a start and an end."""
    pipeline = steps.TokenizerPipeline()
    vocabulary = [*_byte_letters(), "<s>", "</s>", "th"]
    start, end = steps.AddToken(token="<s>"), steps.AddToken(token="</s>")  # noqa: S106 - names of tokens
    start.token_id, end.token_id = _START, _END
    padding = steps.PaddingStep(token="</s>")  # noqa: S106 - no secret
    padding.token_id = _END
    for step in (
        steps.SpecialTokensSplit.from_string_iter(["<s>", "</s>"]),
        steps.RegexSplitStep(r"\S+|\s+", invert=True, behaviour="remove"),
        steps.BytesToCharsStep(),
        steps.BPETokenizationStep(vocab=vocabulary, merges=["t h"]),  # it takes no empty list
        steps.CombineSegmentsStep([start, steps.Sequence(), end]),
        padding,
    ):
        pipeline.add_steps(step)
    model = pipeline.get_tokenizer_ov_subgraph()
    model.inputs[0].set_names({"string_input"})
    import_module("openvino_tokenizers.utils").change_outputs_type(model, ov.Type.i64)
    for name, token in (("bos", _START), ("eos", _END), ("pad", _END)):
        model.set_rt_info(token, f"{name}_token_id")
    return model


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level vocabularies."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [one for one in range(256) if one not in shown]
    letters = {one: chr(one) for one in shown} | {
        one: chr(256 + place) for place, one in enumerate(others)
    }
    return [letters[one] for one in range(256)]


def _model(inputs: list[Any], outputs: list[tuple[Any, str]]) -> Any:
    for node in inputs:
        node.output(0).set_names({node.get_friendly_name()})
    results: list[Any] = []
    for node, name in outputs:
        node.output(0).set_names({name})
        results.append(ops.result(node, name=name))
    return ov.Model(results, inputs, "picture")


def _save(model: Any, path: Path) -> None:
    for number, node in enumerate(model.get_ordered_ops()):  # else the process counts them
        if node.get_type_name() == "Parameter" and not node.get_friendly_name().startswith("Param"):
            continue
        node.set_friendly_name(f"node_{number}")
    ov.save_model(model, str(path), compress_to_fp16=False)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
