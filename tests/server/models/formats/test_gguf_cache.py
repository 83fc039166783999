"""How many numbers are kept of a token is told by the shapes of a layer's matrices."""

from __future__ import annotations

import pytest

from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.gguf_cache import cache_facts, cached_values
from funland_server.models.formats.header import CacheFacts

F16 = 1
INNER, HEADS, GROUPS, HEAD, LATENT, TURNED = 256, 8, 2, 32, 64, 16
"""The sizes of these layers: with so many heads of keys for all that ask, of which `TURNED` numbers
say where a token stands."""
ASKED = HEADS * HEAD
KEPT = GROUPS * HEAD


def contents(
    shapes: dict[str, tuple[int, ...]], architecture: str = "llama", layers: int = 1, **values: int
) -> GgufContents:
    """Layers that are alike."""
    told = {f"{architecture}.{key.replace('__', '.')}": value for key, value in values.items()}
    every = {f"blk.{n}.{name}": shape for n in range(layers) for name, shape in shapes.items()}
    return GgufContents(
        {"general.architecture": architecture, **told}, {}, dict.fromkeys(every, F16), every
    )


OUTPUT = {"attn_output.weight": (ASKED, INNER)}
LATENTS = {
    "attn_q_b.weight": (LATENT, HEADS * (HEAD + TURNED)),
    "attn_kv_a_mqa.weight": (INNER, LATENT + TURNED),
}
INDEXER = {"indexer.attn_k.weight": (INNER, 128)}


@pytest.mark.parametrize(
    ("shapes", "kept"),
    [
        ({"attn_k.weight": (INNER, KEPT), "attn_v.weight": (INNER, KEPT)}, 2 * KEPT),
        ({"attn_k.weight": (INNER, KEPT)}, 2 * KEPT),
        ({"attn_qkv.weight": (INNER, ASKED + 2 * KEPT), **OUTPUT}, 2 * KEPT),
        ({"attn_qkv.weight": (INNER, 3 * ASKED), **OUTPUT}, 2 * ASKED),
        ({"attn_qkv.weight": (INNER, 3 * ASKED)}, 2 * ASKED),
        ({**LATENTS, "attn_k_b.weight": (HEAD, LATENT, HEADS), **OUTPUT}, LATENT + TURNED),
        # MiniCPM 3, PLM, and files of DeepSeek V2 that are older than its short cache.
        (
            {**LATENTS, "attn_kv_b.weight": (LATENT, 2 * ASKED), **OUTPUT},
            HEADS * (HEAD + TURNED) + ASKED,
        ),
        (
            {**LATENTS, "attn_k_b.weight": (HEAD, LATENT, HEADS), **INDEXER},
            LATENT + TURNED + 128,
        ),
        (
            {"attn_kv.weight": (INNER, 64), "attn_compressor_kv.weight": (INNER, 128),
             "attn_compressor_ape.weight": (128, 4)},
            64 + 64 / 4,
        ),
        (
            {"attn_kv.weight": (INNER, 64), "attn_compressor_kv.weight": (INNER, 64),
             "attn_compressor_ape.weight": (64, 128)},
            64 + 64 / 128,
        ),
        ({"ffn_up.weight": (INNER, INNER)}, 0),
    ],
)  # fmt: skip
def test_what_a_layer_keeps(shapes: dict[str, tuple[int, ...]], kept: float) -> None:
    assert cached_values(contents(shapes), {}) == {0: kept}


def test_a_layer_with_a_state_keeps_no_keys_unless_it_has_both() -> None:
    shapes = {"attn_k.weight": (INNER, KEPT), "ssm_conv1d.weight": (4, INNER)}

    assert cached_values(contents(shapes), {0: 4}) == {}
    assert cached_values(contents({**shapes, **OUTPUT}), {0: 4}) == {0: 2 * KEPT}


@pytest.mark.parametrize(
    ("architecture", "values", "keep"),
    [
        ("gemma3", {}, 30),
        ("gemma3n", {}, 20),
        ("gemma4", {"attention__shared_kv_layers": 12}, 18),
    ],
)
def test_layers_that_share_keep_nothing(
    architecture: str, values: dict[str, int], keep: int
) -> None:
    shapes = {"attn_k.weight": (INNER, KEPT)}

    kept = cached_values(contents(shapes, architecture, layers=30, **values), {})

    assert [*kept] == [*range(keep)]


def test_models_that_read_texts_as_a_whole_keep_nothing() -> None:
    found = contents({"attn_k.weight": (INNER, KEPT)}, "bert")

    assert cached_values(found, {}) == {}
    assert cache_facts(found, {}).whole_texts
    assert not cache_facts(contents({}, "llama-embed"), {}).whole_texts


@pytest.mark.parametrize(
    ("found", "facts"),
    [
        (contents({}, attention__head_count=8), CacheFacts(8, unified=False)),
        (
            contents({"attn_q.weight": (INNER, ASKED)}, attention__key_length=HEAD),
            CacheFacts(HEADS, unified=False),
        ),
        # What llama.cpp's loader of an architecture does not ask for changes nothing.
        (contents({}, attention__sliding_window=512), CacheFacts(0, unified=False)),
        (
            contents({}, "gemma3", attention__sliding_window=512),
            CacheFacts(0, unified=True, masks=2),
        ),
        (contents({}, "gemma3"), CacheFacts(0, unified=False)),
        (contents({}, "llama4"), CacheFacts(0, unified=True, masks=2)),
        (contents(INDEXER), CacheFacts(0, unified=True, masks=4)),
        (
            contents({"indexer.k_proj.weight": (INNER, 128)}),
            CacheFacts(0, unified=True),
        ),
    ],
)
def test_how_texts_are_remembered(found: GgufContents, facts: CacheFacts) -> None:
    assert cache_facts(found, {}) == facts


def test_a_state_needs_one_cache_for_all() -> None:
    assert cache_facts(contents({}), {0: 4}).unified
