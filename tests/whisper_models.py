"""Whisper in OpenVINO's format, made of one in CTranslate2's with OpenVINO's own operations.

What `optimum` exports has the same networks, inputs, outputs and files; here nothing of torch is
needed.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

# They don't tell their types.
ov: Final[Any] = import_module("openvino")
ops: Final[Any] = import_module("openvino.opset13")

Weights = Mapping[str, NDArray[np.float32]]
FILES: Final = (
    "config.json",
    "generation_config.json",
    "openvino_decoder_model.bin",
    "openvino_decoder_model.xml",
    "openvino_encoder_model.bin",
    "openvino_encoder_model.xml",
    "preprocessor_config.json",
    "tokenizer.json",
)
"""What `write_whisper` writes."""
_ENGLISH: Final = 50362
"""The number of `<|notimestamps|>` in models that know English alone."""
_TYPES: Final = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


def write_whisper(source: Path, folder: Path) -> None:
    """Makes the folder of a CTranslate2 folder of Whisper with weights of 16 or 32 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = _weights(source / "model.bin")
    tokenizer = json.loads((source / "tokenizer.json").read_bytes())
    config = json.loads((source / "config.json").read_bytes())
    _save(_encoder(weights), folder / "openvino_encoder_model.xml")
    _save(_decoder(weights), folder / "openvino_decoder_model.xml")
    tokens = _tokens(tokenizer)
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    described = {
        "config.json": _config(weights),
        "generation_config.json": _generation(tokens, config),
        "preprocessor_config.json": _preprocessor(weights),
    }
    for name, content in described.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    with path.open("rb") as file:
        _numbers(file, "<I")
        _string(file)
        _, count = _numbers(file, "<II")
        return dict(_variable(file) for _ in range(count))


def _variable(file: BinaryIO) -> tuple[str, NDArray[np.float32]]:
    name = _string(file)
    (dimensions,) = _numbers(file, "<B")
    shape = _numbers(file, f"<{dimensions}I")
    kind, length = _numbers(file, "<BI")
    return name, np.frombuffer(file.read(length), _TYPES[kind]).reshape(shape).astype(np.float32)


def _string(file: BinaryIO) -> str:
    (length,) = _numbers(file, "<H")
    return file.read(length).rstrip(b"\0").decode()


def _numbers(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


class _Layers:
    """Parts of a network, by the names of their weights."""

    def __init__(self, weights: Weights, side: str) -> None:
        self._weights = weights
        self._side = side
        self.heads = int(weights[f"{side}/num_heads"])
        self.width = weights["encoder/conv1/weight"].shape[0]
        attention = f"{side}/layer_{{}}/self_attention/linear_0/weight"
        self.count = next(n for n in range(100) if attention.format(n) not in weights)

    def get(self, name: str) -> Any:
        """A constant."""
        return ops.constant(self._weights[f"{self._side}/{name}"])

    def norm(self, x: Any, name: str) -> Any:
        """A normalised layer."""
        axis = ops.constant(np.array([-1]))
        normal = ops.mvn(x, axis, True, 1e-5, "inside_sqrt")
        scaled = ops.multiply(normal, self.get(f"{name}/gamma"))
        return ops.add(scaled, self.get(f"{name}/beta"))

    def linear(self, x: Any, name: str, part: slice | None = None) -> Any:
        """A linear layer, or some rows of it."""
        kept = part or slice(None)
        weight = self._weights[f"{self._side}/{name}/weight"][kept]
        bias = self._weights[f"{self._side}/{name}/bias"][kept]
        return ops.add(ops.matmul(x, ops.constant(weight), False, True), ops.constant(bias))

    def parts(self, x: Any, name: str, count: int) -> Iterator[Any]:
        """The heads of a linear layer that is several in one: [batch, heads, length, size]."""
        for number in range(count):
            rows = slice(number * self.width, (number + 1) * self.width)
            yield self.split(self.linear(x, name, rows))

    def split(self, x: Any) -> Any:
        """Its heads."""
        shape = ops.constant(np.array([0, 0, self.heads, self.width // self.heads]))
        return ops.transpose(ops.reshape(x, shape, True), ops.constant(np.array([0, 2, 1, 3])))

    def joined(self, x: Any) -> Any:
        """Heads put together."""
        shape = ops.constant(np.array([0, 0, self.width]))
        return ops.reshape(ops.transpose(x, ops.constant(np.array([0, 2, 1, 3]))), shape, True)

    def feed(self, x: Any, layer: str) -> Any:
        """The part of a layer that looks at each place alone."""
        inner = self.linear(self.norm(x, f"{layer}/ffn/layer_norm"), f"{layer}/ffn/linear_0")
        return ops.add(x, self.linear(ops.gelu(inner, "erf"), f"{layer}/ffn/linear_1"))


def _encoder(weights: Weights) -> Any:
    layers = _Layers(weights, "encoder")
    mels = weights["encoder/conv1/weight"].shape[1]
    features = ops.parameter([-1, mels, 3000], np.float32, name="input_features")
    x = features
    for name, stride in (("conv1", 1), ("conv2", 2)):
        x = ops.convolution(x, layers.get(f"{name}/weight"), [stride], [1], [1], [1])
        bias = ops.unsqueeze(layers.get(f"{name}/bias"), ops.constant(np.array([0, 2])))
        x = ops.gelu(ops.add(x, bias), "erf")
    x = ops.transpose(x, ops.constant(np.array([0, 2, 1])))
    x = ops.add(x, layers.get("position_encodings/encodings"))
    for number in range(layers.count):
        layer = f"layer_{number}"
        normal = layers.norm(x, f"{layer}/self_attention/layer_norm")
        query, key, value = layers.parts(normal, f"{layer}/self_attention/linear_0", 3)
        seen = layers.joined(ops.scaled_dot_product_attention(query, key, value))
        x = ops.add(x, layers.linear(seen, f"{layer}/self_attention/linear_1"))
        x = layers.feed(x, layer)
    return _model([features], layers.norm(x, "layer_norm"), "last_hidden_state", [])


def _decoder(weights: Weights) -> Any:
    layers = _Layers(weights, "decoder")
    tokens = ops.parameter([-1, -1], np.int64, name="input_ids")
    heard = ops.parameter([-1, -1, layers.width], np.float32, name="encoder_hidden_states")
    beams = ops.parameter([-1], np.int32, name="beam_idx")
    zero, one = ops.constant(np.int64(0)), ops.constant(np.int64(1))
    batch = ops.gather(ops.shape_of(tokens, "i64"), ops.constant(np.array([0])), zero)
    memory = _Memory(batch, beams, layers.heads, layers.width // layers.heads)
    two = ops.constant(np.int64(2))
    past = ops.gather(ops.shape_of(memory.before("0.key"), "i64"), two, zero)
    total = ops.add(past, ops.gather(ops.shape_of(tokens, "i64"), one, zero))
    places = ops.range(past, total, one, "i64")
    earlier = ops.unsqueeze(ops.range(zero, total, one, "i64"), ops.constant(np.array([0])))
    now = ops.unsqueeze(places, ops.constant(np.array([1])))
    mask = ops.unsqueeze(ops.less_equal(earlier, now), ops.constant(np.array([0, 1])))
    x = ops.gather(layers.get("embeddings/weight"), tokens, zero)
    x = ops.add(x, ops.gather(layers.get("position_encodings/encodings"), places, zero))
    # What the times of words are computed from is looked for where a mask is added.
    unmasked = ops.constant(np.zeros((1, 1, 1, 1), np.float32))
    for number in range(layers.count):
        layer = f"layer_{number}"
        normal = layers.norm(x, f"{layer}/self_attention/layer_norm")
        query, key, value = layers.parts(normal, f"{layer}/self_attention/linear_0", 3)
        key = memory.kept(f"{number}.key", key)
        value = memory.kept(f"{number}.value", value)
        seen = layers.joined(ops.scaled_dot_product_attention(query, key, value, mask))
        x = ops.add(x, layers.linear(seen, f"{layer}/self_attention/linear_1"))
        normal = layers.norm(x, f"{layer}/attention/layer_norm")
        (query,) = layers.parts(normal, f"{layer}/attention/linear_0", 1)
        key, value = layers.parts(heard, f"{layer}/attention/linear_1", 2)
        cross = ops.scaled_dot_product_attention(query, key, value, unmasked)
        seen = layers.joined(cross)
        x = ops.add(x, layers.linear(seen, f"{layer}/attention/linear_2"))
        x = layers.feed(x, layer)
    x = layers.norm(x, "layer_norm")
    logits = ops.matmul(x, layers.get("embeddings/weight"), False, True)
    return _model([tokens, heard, beams], logits, "logits", memory.sinks)


class _Memory:
    """What a decoder keeps from one call to the next: [batch, heads, length, size]."""

    def __init__(self, batch: Any, beams: Any, heads: int, size: int) -> None:
        self._beams = beams
        self._shape = ov.PartialShape([-1, heads, -1, size])
        empty = ops.concat([batch, ops.constant(np.array([heads, 0, size]))], 0)
        self._nothing = ops.broadcast(ops.constant(np.float32(0)), empty)
        self._known: dict[str, tuple[Any, Any]] = {}
        self.sinks: list[Any] = []

    def before(self, name: str) -> Any:
        """What came before."""
        if name not in self._known:
            info = ov.op.util.VariableInfo()
            info.data_shape, info.data_type = self._shape, ov.Type.f32
            info.variable_id = name
            variable = ov.op.util.Variable(info)
            value = ops.read_value(self._nothing, variable)
            self._known[name] = variable, ops.gather(value, self._beams, ops.constant(np.int64(0)))
        return self._known[name][1]

    def kept(self, name: str, new: Any) -> Any:
        """What came so far, with what is new."""
        everything = ops.concat([self.before(name), new], 2)
        self.sinks.append(ops.assign(everything, self._known[name][0]))
        return everything


def _tokens(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """The numbers of the tokens that are marks."""
    return {added["content"]: added["id"] for added in tokenizer["added_tokens"]}


def _config(weights: Weights) -> dict[str, Any]:
    encoder, decoder = _Layers(weights, "encoder"), _Layers(weights, "decoder")
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "d_model": encoder.width,
        "encoder_layers": encoder.count,
        "encoder_attention_heads": encoder.heads,
        "decoder_layers": decoder.count,
        "decoder_attention_heads": decoder.heads,
        "max_source_positions": 1500,
        "max_target_positions": 448,
        "num_mel_bins": weights["encoder/conv1/weight"].shape[1],
        "vocab_size": len(weights["decoder/embeddings/weight"]),
    }


def _generation(number: Mapping[str, int], config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "begin_suppress_tokens": config["suppress_ids_begin"],
        "suppress_tokens": config["suppress_ids"],
        "decoder_start_token_id": number["<|startoftranscript|>"],
        "eos_token_id": number["<|endoftext|>"],
        "no_timestamps_token_id": number["<|notimestamps|>"],
        "is_multilingual": number["<|notimestamps|>"] != _ENGLISH,
        "max_initial_timestamp_index": 50,
        "max_length": 448,
    }


def _preprocessor(weights: Weights) -> dict[str, Any]:
    return {
        "chunk_length": 30,
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": weights["encoder/conv1/weight"].shape[1],
        "hop_length": 160,
        "n_fft": 400,
        "n_samples": 480000,
        "nb_max_frames": 3000,
        "sampling_rate": 16000,
    }


def _model(inputs: list[Any], output: Any, name: str, sinks: list[Any]) -> Any:
    for node in inputs:
        node.output(0).set_names({node.get_friendly_name()})
    output.output(0).set_names({name})
    return ov.Model([ops.result(output, name=name)], sinks, inputs, "whisper")


def _save(model: Any, path: Path) -> None:
    ov.save_model(model, str(path), compress_to_fp16=False)
