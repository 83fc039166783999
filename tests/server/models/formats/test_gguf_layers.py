"""How a GGUF model is parted into layers."""

from __future__ import annotations

import pytest

from funland_server.models.formats.gguf import GgufContents, read_contents
from funland_server.models.formats.gguf_layers import layers
from funland_server.models.installed.embedded import embedded_model

F16, Q8_0 = 1, 8


def contents(tensors: dict[str, tuple[int, tuple[int, ...]]]) -> GgufContents:
    types = {name: kind for name, (kind, _) in tensors.items()}
    return GgufContents({}, {}, types, {name: shape for name, (_, shape) in tensors.items()})


def test_every_tensor_is_in_a_layer_or_the_output_or_the_input() -> None:
    model = embedded_model()
    header = model.header

    every = read_contents(model.path)
    parts = sum(header.layer_bytes) + header.output_bytes

    # The table of tokens is the output too, and is counted as that.
    assert parts == sum(map(every.tensor_bytes, every.shapes))
    assert sum(header.layer_cache_bytes) == header.cache_bytes_per_token
    assert header.ties_output
    assert every.shapes["token_embd.weight"][1] == header.vocabulary_size


def test_an_output_of_its_own_leaves_the_table_of_tokens_out() -> None:
    parts = layers(
        contents(
            {
                "token_embd.weight": (F16, (64, 1000)),
                "blk.0.attn_k.weight": (Q8_0, (64, 32)),
                "blk.1.attn_k.weight": (F16, (64, 32)),
                "output_norm.weight": (F16, (64,)),
                "output.weight": (F16, (64, 1000)),
            }
        )
    )

    assert parts.weights == (64 * 32 // 32 * 34, 64 * 32 * 2)
    # Values without a matrix of their own are the keys once more.
    assert parts.cache == (2 * 2 * 32, 2 * 2 * 32)
    assert parts.output == 64 * 2 + 64 * 1000 * 2
    assert parts.vocabulary_size == 1000


@pytest.mark.parametrize("names", [("blk.1.a", "blk.2.a"), ("blk.0.a", "blk.9999.a"), ("x",)])
def test_what_is_not_numbered_from_0_on_is_not_parted(names: tuple[str, ...]) -> None:
    parts = layers(contents(dict.fromkeys(names, (F16, (8, 8)))))

    assert parts.weights == parts.cache == ()
