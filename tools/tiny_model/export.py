"""Writes the trained model as one GGUF file, its tokenizer and chat template inside."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from tools.tiny_model.chat import CHAT_TEMPLATE, END_OF_TEXT, MESSAGE_END, SPECIAL_TOKENS
from tools.tiny_model.model import Shape

QUANTIZATION = gguf.GGMLQuantizationType.Q8_0


def export(weights: Path, tokenizer: Path, destination: Path) -> None:
    """Replaces `destination` in one step, so that a reader never sees half a file."""
    tensors = load_file(weights)
    layers = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blk."))
    unfinished = destination.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "llama")
    _write_description(writer, sum(tensor.size for tensor in tensors.values()))
    _write_shape(writer, Shape(vocabulary=len(tensors["token_embd.weight"]), layers=layers))
    _write_tokenizer(writer, tokenizer)
    for key, tensor in tensors.items():
        name = key.replace("attention.", "")
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            quantized = gguf.quants.quantize(np.ascontiguousarray(tensor), QUANTIZATION)
            writer.add_tensor(name, quantized, raw_dtype=QUANTIZATION)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(destination)


def _write_description(writer: gguf.GGUFWriter, parameters: int) -> None:
    writer.add_name("Funland Tiny")
    writer.add_basename("funland-tiny")
    writer.add_description(
        "A very small chat model in English and Chinese that ships inside Funland. "
        "Trained on text that the project generated itself; good for trying things out."
    )
    writer.add_organization("Funland")
    writer.add_size_label(f"{parameters / 1e6:.0f}M")
    writer.add_license("apache-2.0")
    writer.add_languages(["en", "zh"])
    writer.add_tags(["text-generation", "chat", "tiny"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_vocab_size(shape.vocabulary)


def _write_tokenizer(writer: gguf.GGUFWriter, path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(path))
    bpe = json.loads(path.read_text(encoding="utf-8"))["model"]
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [
            gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL
            for token in tokens
        ]
    )
    writer.add_token_merges([" ".join(merge) for merge in bpe["merges"]])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[MESSAGE_END])
    writer.add_eot_token_id(ids[MESSAGE_END])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def main() -> None:
    """Exports what `tokenizer` and `train` have left in the build folder."""
    build = Path(__file__).parent / "build"
    embedded = Path(__file__).parents[2] / "server/funland_server/models/embedded"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=build)
    parser.add_argument("--out", type=Path, default=embedded / "funland-tiny.gguf")
    arguments = parser.parse_args()
    weights = arguments.build / "model.safetensors"
    export(weights, arguments.build / "tokenizer.json", arguments.out)
    print(f"{arguments.out.stat().st_size} bytes in {arguments.out}")


if __name__ == "__main__":
    main()
