"""What a network is like that can be trained, and which can't."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError


class Header(Protocol):
    """What a GGUF file says of itself; `GgufSource` is one."""

    @property
    def architecture(self) -> str:
        """Its name, as llama.cpp has it."""
        ...

    @property
    def tensors(self) -> Mapping[str, Any]:
        """Its tensors, by name."""
        ...

    def value(self, key: str, default: Any = None) -> Any:
        """A value by its key after the architecture's name."""
        ...


class _Family(NamedTuple):
    interleaved: bool
    """Whether the file has pairs that are rotated side by side."""
    head_norms: bool
    """Whether each head's queries and keys are normed."""


_FAMILIES: Final = {
    "llama": _Family(interleaved=True, head_norms=False),
    "qwen2": _Family(interleaved=False, head_norms=False),
    "qwen3": _Family(interleaved=False, head_norms=True),
}
"""By llama.cpp's names; Mistral, SmolLM and many others are `llama`."""

_MISSING: Final[tuple[tuple[str, tuple[Any, ...], str], ...]] = (
    ("expert_count", (None, 0), "a mixture of experts"),
    ("attention.sliding_window", (None, 0), "a sliding window"),
    ("attn_logit_softcapping", (None, 0.0), "capped scores of attention"),
    ("final_logit_softcapping", (None, 0.0), "capped logits"),
    ("attention.causal", (None, True), "attention to what comes later"),
    ("attention.scale", (None, 0.0), "a scale of attention of its own"),
    ("logit_scale", (None, 0.0, 1.0), "scaled logits"),
    ("residual_scale", (None, 0.0, 1.0), "scaled residuals"),
    ("embedding_scale", (None, 0.0, 1.0), "scaled embeddings"),
    ("rope.scaling.type", (None, "none", "linear"), "positions stretched by {value}"),
    ("rope.scaling.attn_factor", (None, 0.0, 1.0), "a scale of stretched attention"),
)
"""Keys, what of their values changes nothing or is computed, and what the others mean."""

_OUTER: Final = {"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"}
_INNER: Final = {
    "attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
    "attn_q.bias", "attn_k.bias", "attn_v.bias",
    "ffn_norm.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight",
}  # fmt: skip
_HEAD_NORMS: Final = {"attn_q_norm.weight", "attn_k_norm.weight"}


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder of blocks of attention and SwiGLU, each behind an RMS norm."""

    architecture: str
    layers: int
    width: int
    heads: int
    key_value_heads: int
    head_size: int
    feed_forward: int
    norm_epsilon: float
    rope_base: float
    rope_scale: float
    """What positions are multiplied by."""
    interleaved: bool
    head_norms: bool

    def outputs(self, linear: str) -> int:
        """How many outputs one of a block's linear layers has, by GGUF's name for it."""
        return {
            "attn_q": self.heads * self.head_size,
            "attn_k": self.key_value_heads * self.head_size,
            "attn_v": self.key_value_heads * self.head_size,
            "attn_output": self.width,
            "ffn_gate": self.feed_forward,
            "ffn_up": self.feed_forward,
            "ffn_down": self.width,
        }[linear]

    def inputs(self, linear: str) -> int:
        """How many inputs it has."""
        return {
            "attn_output": self.heads * self.head_size,
            "ffn_down": self.feed_forward,
        }.get(linear, self.width)


def read_shape(header: Header) -> Shape:
    """The shape of a file's network.

    Raises:
        EngineError: TRAINING_UNSUPPORTED, with what of it is not computed here.
        ValueError, TypeError: The file lacks what it must say.
    """
    family = _FAMILIES.get(header.architecture)
    if family is None:
        raise _unsupported(f"the architecture {header.architecture!r}")
    for key, computed, words in _MISSING:
        if (value := header.value(key)) not in computed:
            raise _unsupported(words.format(value=value))
    heads, key_value_heads, feed_forward = (
        _one(header, key, words)
        for key, words in (
            ("attention.head_count", "layers of different numbers of heads"),
            ("attention.head_count_kv", "layers of different numbers of heads"),
            ("feed_forward_length", "layers of different sizes"),
        )
    )
    width = int(header.value("embedding_length"))
    key_value_heads = key_value_heads or heads
    head_size = int(header.value("attention.key_length") or width // heads)
    if int(header.value("attention.value_length") or head_size) != head_size:
        raise _unsupported("values of another size than keys")
    if int(header.value("rope.dimension_count") or head_size) != head_size:
        raise _unsupported("heads that are rotated in part")
    if heads % key_value_heads or head_size % 2:
        raise ValueError("the numbers of heads don't fit each other")
    layers = int(header.value("block_count"))
    _check_names(header.tensors, layers, head_norms=family.head_norms)
    return Shape(
        architecture=header.architecture,
        layers=layers,
        width=width,
        heads=heads,
        key_value_heads=key_value_heads,
        head_size=head_size,
        feed_forward=feed_forward,
        norm_epsilon=float(header.value("attention.layer_norm_rms_epsilon")),
        rope_base=float(header.value("rope.freq_base") or 10000.0),
        rope_scale=_rope_scale(header),
        interleaved=family.interleaved,
        head_norms=family.head_norms,
    )


def _one(header: Header, key: str, words: str) -> int:
    """A number that all layers share; 0 if it is not there."""
    value = header.value(key)
    if isinstance(value, list):
        raise _unsupported(words)
    return int(value or 0)


def _rope_scale(header: Header) -> float:
    """As llama.cpp has it: a factor without a type stretches too."""
    if header.value("rope.scaling.type") == "none":
        return 1.0
    factor = header.value("rope.scaling.factor") or header.value("rope.scale_linear") or 1.0
    return 1.0 / float(factor)


def _check_names(names: Iterable[str], layers: int, *, head_norms: bool) -> None:
    """Refuses a network that has more to it than is computed."""
    inner = _INNER | _HEAD_NORMS if head_norms else _INNER
    known = _OUTER | {f"blk.{layer}.{name}" for layer in range(layers) for name in inner}
    if unknown := sorted(set(names) - known):
        raise _unsupported(f"the tensor {unknown[0][:80]!r}")


def _unsupported(what: str) -> EngineError:
    return EngineError(
        ErrorReason.TRAINING_UNSUPPORTED,
        f"The model has {what}, which can't be trained here. What can are dense decoders like"
        f" Llama's ({', '.join(_FAMILIES)}).",
    )
