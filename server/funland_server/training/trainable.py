"""Which models can be trained, from what their files say: pure functions.

The worker that trains looks for itself, and has the same table; a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from funland_server.models.formats.gguf import GgufContents

HEAD_NORMS: Final = {"llama": False, "qwen2": False, "qwen3": True}
"""The architectures, by llama.cpp's names, and whether their heads' queries and keys are normed."""

_MISSING: Final[tuple[tuple[str, tuple[object, ...], str], ...]] = (
    ("expert_count", (0,), "a mixture of experts"),
    ("attention.sliding_window", (0,), "a sliding window"),
    ("attn_logit_softcapping", (0.0,), "capped scores of attention"),
    ("final_logit_softcapping", (0.0,), "capped logits"),
    ("attention.causal", (True,), "attention to what comes later"),
    ("attention.scale", (0.0,), "a scale of attention of its own"),
    ("logit_scale", (0.0, 1.0), "scaled logits"),
    ("residual_scale", (0.0, 1.0), "scaled residuals"),
    ("embedding_scale", (0.0, 1.0), "scaled embeddings"),
    ("rope.scaling.type", ("none", "linear"), "positions stretched by {value}"),
    ("rope.scaling.attn_factor", (0.0, 1.0), "a scale of stretched attention"),
)
"""Keys, what of their values changes nothing or is computed, and what the others mean."""

_FACTORS: Final = "rope_freqs.weight"
_OUTER: Final = {"token_embd.weight", "output_norm.weight", "output.weight", _FACTORS}
_INNER: Final = {
    "attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
    "attn_q.bias", "attn_k.bias", "attn_v.bias",
    "ffn_norm.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight",
}  # fmt: skip
_HEAD_NORMS: Final = {"attn_q_norm.weight", "attn_k_norm.weight"}


class UntrainableError(Exception):
    """What a model has that can't be trained here; reads on from `the model has`."""


@dataclass(frozen=True, slots=True)
class Network:
    """What training takes depends on."""

    architecture: str
    layers: int
    width: int
    heads: int
    query: int
    """How many numbers all heads' queries are."""
    key: int
    """How many their keys are, and their values."""
    feed_forward: int
    vocabulary: int
    head_norms: bool
    parameters: int
    learnt: int
    """How many of them learn where all weights do: all but the factors of frequencies."""
    embedded: int
    """How many of them are no linear layer's."""
    file_bytes: int
    """Of all its tensors."""
    largest_bytes: int
    """Of its largest tensor, in float32."""


def network(contents: GgufContents) -> Network:
    """The network of a model's file.

    Raises:
        UntrainableError: It can't be trained.
    """
    architecture = contents.values.get("general.architecture")
    if not isinstance(architecture, str) or architecture not in HEAD_NORMS:
        raise UntrainableError(f"the architecture {architecture!r}")
    values = {
        key.removeprefix(architecture + "."): value
        for key, value in contents.values.items()
        if key.startswith(architecture + ".")
    }
    for key, computed, words in _MISSING:
        if key in values and values[key] not in computed:
            raise UntrainableError(words.format(value=values[key]))
    heads = _one(values, "attention.head_count", "layers of different numbers of heads")
    key_heads = _one(values, "attention.head_count_kv", "layers of different numbers of heads")
    feed_forward = _one(values, "feed_forward_length", "layers of different sizes")
    width = _one(values, "embedding_length", "layers of different sizes")
    head = _one(values, "attention.key_length", "heads of different sizes")
    if not heads or not width or not feed_forward:
        raise UntrainableError("a file that does not tell its shape")
    head = head or width // heads
    if values.get("attention.value_length", head) != head:
        raise UntrainableError("values of another size than keys")
    if values.get("rope.dimension_count", head) != head:
        raise UntrainableError("heads that are rotated in part")
    layers = _one(values, "block_count", "layers of different kinds")
    _check_names(contents, layers, head_norms=HEAD_NORMS[architecture])
    return Network(
        architecture=architecture,
        layers=layers,
        width=width,
        heads=heads,
        query=heads * head,
        key=(key_heads or heads) * head,
        feed_forward=feed_forward,
        vocabulary=contents.shapes.get("token_embd.weight", (0, 0))[-1],
        head_norms=HEAD_NORMS[architecture],
        parameters=sum(map(math.prod, contents.shapes.values())),
        learnt=sum(math.prod(sides) for name, sides in contents.shapes.items() if name != _FACTORS),
        embedded=sum(
            math.prod(sides)
            for name, sides in contents.shapes.items()
            if len(sides) == 1 or not name.startswith("blk.")
        ),
        file_bytes=sum(map(contents.tensor_bytes, contents.shapes)),
        largest_bytes=4 * max(map(math.prod, contents.shapes.values())),
    )


def _one(values: dict[str, object], key: str, words: str) -> int:
    """A number that all layers share; 0 if it is not there. A list of them is read as None."""
    value = values.get(key, 0)
    if not isinstance(value, int):
        raise UntrainableError(words)
    return value


def _check_names(contents: GgufContents, layers: int, *, head_norms: bool) -> None:
    """Refuses a network that has more to it than is computed."""
    inner = _INNER | _HEAD_NORMS if head_norms else _INNER
    known = _OUTER | {f"blk.{layer}.{name}" for layer in range(layers) for name in inner}
    if unknown := sorted(set(contents.shapes) - known):
        raise UntrainableError(f"the tensor {unknown[0][:80]!r}")
