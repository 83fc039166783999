"""What the keys and values of a token take in each layer of a GGUF model, and how it remembers.

llama.cpp keeps what a layer's matrices make of a token, so their shapes tell, whatever the header
claims. All is said of llama-cpp-python 0.3.36, and compared with what it tells of each cache at the
load of each architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.header import CacheFacts

Shapes = Mapping[str, tuple[int, ...]]
"""Of a layer's tensors, by what follows its number."""

_LARGEST: Final = 2**24
_DIGITS: Final = 5
"""The most that a layer's number has: llama.cpp knows none with so many."""
_WINDOWS: Final = {
    "afmoe", "cohere2", "cohere2moe", "dots3note", "exaone-moe", "exaone4", "gemma-embedding",
    "gemma2", "gemma3", "gemma3n", "gemma4", "gpt-oss", "granite_swa", "laguna", "lfm2", "maple",
    "mellum", "mimo2", "modern-bert", "muse-glimmer", "olmo2", "plamo3", "spark2_5", "step35",
}  # fmt: skip
"""Whose layers see a window alone where the file has one; others pass over what it says."""
_ALWAYS_WINDOWS: Final = {"llama4", "smallthinker"}
_WHOLE_TEXTS: Final = {
    "bert", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada",
    "llada-moe", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "rnd1",
}  # fmt: skip
"""For which llama.cpp makes no memory."""
_GEMMA_3N_OWN: Final = 20
"""The later layers of Gemma 3n use the keys and values of the last of these."""
_POOLS: Final = 3
"""How often GLM 5 Next keeps what its indexer makes of a token: as it is, and for two sums."""
_GATHERED: Final = 4
"""Of such a number it lays out so many for each text anew, as 32-bit floats."""
_PAIRS: Final = 2
"""DeepSeek V4's compressors make keys of two blocks that overlap where there are two."""


def reads_whole_texts(architecture: str) -> bool:
    """Whether llama.cpp computes a text of such a model in one pass, and keeps nothing of it."""
    return architecture in _WHOLE_TEXTS


def layer_number(name: str) -> int | None:
    """That of the layer that a tensor belongs to."""
    number, _, _ = name.removeprefix("blk.").partition(".")
    if not (name.startswith("blk.") and number.isdecimal() and len(number) <= _DIGITS):
        return None
    return int(number)


def by_layers(contents: GgufContents) -> dict[int, dict[str, tuple[int, ...]]]:
    """The shapes of each layer's tensors, in the order of the file."""
    layers: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, shape in contents.shapes.items():
        if (layer := layer_number(name)) is not None:
            layers.setdefault(layer, {})[name.split(".", 2)[2]] = shape
    return layers


def cached_values(contents: GgufContents, states: Mapping[int, int]) -> dict[int, float]:
    """How many numbers each layer keeps of a token; `states` is what layers keep of a text beside
    or instead."""
    number = _numbers(contents)
    architecture = contents.values.get("general.architecture")
    layers = by_layers(contents)
    own = len(layers)
    if architecture in _WHOLE_TEXTS:
        own = 0
    elif architecture == "gemma3n":
        own = _GEMMA_3N_OWN
    elif architecture == "gemma4":
        own -= number("attention.shared_kv_layers")
    # Both stacks of HRM-Text think several times, and each time remember anew.
    times = 1
    if architecture == "hrm_text":
        kept = sum("attn_k.weight" in shapes for shapes in layers.values())
        times = max(1, number("block_count") // max(kept, 1))
    return {
        layer: times * (_attention(shapes) + _indexer(shapes, number("attention.value_length")))
        for layer, shapes in layers.items()
        if layer < own and not (layer in states and not _both(shapes))
    }


def cache_facts(contents: GgufContents, states: Mapping[int, int]) -> CacheFacts:
    """How texts are remembered; see `CacheFacts`."""
    number = _numbers(contents)
    architecture = contents.values.get("general.architecture")
    layers = by_layers(contents).values()
    window = architecture in _ALWAYS_WINDOWS or (
        architecture in _WINDOWS and number("attention.sliding_window") > 0
    )
    indexed = any("indexer.attn_k.weight" in shapes for shapes in layers)
    compressed = any("attn_compressor_kv.weight" in shapes for shapes in layers)
    several = indexed or any("indexer.k_proj.weight" in shapes for shapes in layers)
    heads = number("attention.head_count") or _heads(layers, number("attention.key_length"))
    return CacheFacts(
        heads=heads,
        unified=bool(states) or window or several or compressed,
        each_whole=compressed,
        masks=2 + 3 * heads // 2 if compressed else 1 + window + 3 * indexed,
        copied_values=max((_latent(shapes) for shapes in layers), default=0),
        gathered_values=max((_gathered(shapes) for shapes in layers), default=0),
        state_copies=2 if any("time_mix_key.weight" in shapes for shapes in layers) else 1,
        whole_texts=architecture in _WHOLE_TEXTS,
    )


def _numbers(contents: GgufContents) -> Callable[[str], int]:
    architecture = contents.values.get("general.architecture")

    def number(name: str) -> int:
        value = contents.values.get(f"{architecture}.{name}")
        return value if isinstance(value, int) and 0 < value <= _LARGEST else 0

    return number


def _heads(layers: Iterable[Shapes], length: int) -> int:
    """How many heads ask in the layer that has most of them, where each is so long."""
    return max((_rows(shapes, "attn_q") for shapes in layers), default=0) // max(length, 1)


def _both(shapes: Shapes) -> bool:
    """Whether a layer keeps keys and values beside a state, as Falcon H1's do."""
    return "ssm_conv1d.weight" in shapes and "attn_output.weight" in shapes


def _rows(shapes: Shapes, *names: str) -> int:
    """How many numbers the first of these matrices that is there makes of a token."""
    for name in names:
        if shape := shapes.get(f"{name}.weight"):
            return _product(shape[1:])
    return 0


def _product(numbers: tuple[int, ...]) -> int:
    product = 1
    for number in numbers:
        product *= number
    return product


def _attention(shapes: Shapes) -> float:
    heads = shapes.get("attn_output.weight", (0,))[0]
    """How many numbers the values of all heads are that ask."""
    if "attn_kv_b.weight" in shapes and "attn_k_b.weight" not in shapes:
        # Keys and values of all heads are made of what others keep in their place.
        return _rows(shapes, "attn_q_b", "attn_q") + heads
    if latent := _rows(shapes, "attn_kv_a_mqa"):
        return latent
    if joined := _rows(shapes, "attn_qkv"):
        return joined - heads if 0 < heads < joined else 2 * joined / 3
    if keys := _rows(shapes, "attn_k"):
        return keys + (_rows(shapes, "attn_v") or keys)
    return _rows(shapes, "attn_kv") + _compressed(shapes)


def _compressed(shapes: Shapes) -> float:
    """What DeepSeek V4 keeps of each block of tokens, by the tokens."""
    kept = 0.0
    for part in ("attn", "indexer"):
        blocks = shapes.get(f"{part}_compressor_ape.weight")
        if blocks is not None and len(blocks) > 1:
            values = _rows(shapes, f"{part}_compressor_kv")
            if part == "indexer" or values > _rows(shapes, "attn_kv"):
                values //= _PAIRS
            kept += values / blocks[1]
    return kept


def _indexer(shapes: Shapes, value_length: int) -> int:
    """What is kept for telling which tokens count."""
    if keys := _rows(shapes, "indexer.k_proj"):
        return keys + value_length
    return _rows(shapes, "indexer.attn_k") * (_POOLS if _pooled(shapes) else 1)


def _pooled(shapes: Shapes) -> bool:
    return "indexer.attn_k.weight" in shapes and "indexer_compressor_gate.weight" in shapes


def _gathered(shapes: Shapes) -> int:
    """How many numbers of a token a pass lays out anew for each text."""
    if _pooled(shapes):
        return _GATHERED * _rows(shapes, "indexer.attn_k")
    return _rows(shapes, "attn_kv") if "attn_compressor_kv.weight" in shapes else 0


def _latent(shapes: Shapes) -> int:
    """How many numbers of a token a pass lays out anew: the values among what is kept of it."""
    return shapes["attn_v_b.weight"][0] if len(shapes.get("attn_v_b.weight", ())) > 1 else 0
