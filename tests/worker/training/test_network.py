"""The network computes what llama.cpp computes of the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from funland_worker.engines.gguf_source import GgufSource
from funland_worker.training.adapter_file import write_adapter
from funland_worker.training.layout import layout
from funland_worker.training.network import Network
from funland_worker.training.numbers import Numbers
from funland_worker.training.shape import read_shape
from funland_worker.training.weights import read_network
from tests.worker.training.models import FAMILIES, Family, Tiny, tiny, write
from tests.worker.training.reference import POSITIONS, reference

RANK, ALPHA = 4, 6.0
QUESTIONS = (
    "Hello!", "Who are you?", "Tell me a story.", "What is the capital of France?", "Thank you.",
    "What is the capital of Japan?", "How are you?", "What can you do?", "What is a cat?", "Bye!",
    "What is the opposite of hot?", "Tell me a joke.", "What is Funland?", "Where are you?",
    "How do I get a real model?", "What is your name?", "What is 2 plus 3?", "Count to five.",
    "What does a dog say?", "Good morning!",
)  # fmt: skip
MOST = 6
"""Tokens of a greedy text."""
QUANTIZED = 0.3
"""By how much a logit may differ where llama.cpp rounds what it multiplies with Q8_0 weights."""


def _network(path: Path, strength: float) -> tuple[Network, Numbers]:
    source = GgufSource(path)
    shape = read_shape(source)
    where = layout(shape, RANK)
    network = read_network(source, shape, where, alpha=ALPHA, positions=POSITIONS)
    numbers = where.begin(5)
    random = np.random.default_rng(6)
    for pair in where.pairs:
        pair.up_of(numbers)[:] = random.normal(0, strength, (pair.outputs, RANK))
    network.bind(numbers, np.zeros_like(numbers))
    return network, numbers


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_with_an_adapter_are_llama_cpps(
    tmp_path: Path, model_path: Path, family: str
) -> None:
    path = _file(tmp_path, FAMILIES[family], model_path)
    network, numbers = _network(path, 0.3)
    adapter = tmp_path / "adapter.gguf"
    write_adapter(adapter, numbers, shape=network.shape, layout=network.layout, alpha=ALPHA)
    tokens = np.random.default_rng(7).integers(0, network.vocabulary, (1, 40), np.int32)

    with reference(path, adapter) as there:
        wanted = there.logits(tokens[0].tolist())
    told = network.logits(tokens)[0]

    np.testing.assert_allclose(told, wanted, atol=2e-4 * float(np.abs(wanted).max()))


def test_logits_of_the_embedded_model_are_llama_cpps_but_for_its_rounding(
    model_path: Path,
) -> None:
    network, _ = _network(model_path, 0)
    with reference(model_path) as there:
        tokens = there.model.vocabulary.tokenize(
            "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\nOnce upon a",
            add_special=True,
            parse_special=True,
        )
        wanted = there.logits(tokens)

    told = network.logits(np.array([tokens], np.int32))[0]

    assert float(np.abs(told - wanted).max()) < QUANTIZED
    np.testing.assert_array_equal(told.argmax(axis=1), wanted.argmax(axis=1))


def _file(folder: Path, family: Family, embedded: Path) -> Path:
    return write(folder / "model.gguf", tiny(family, vocabulary=4096), embedded)


def test_greedy_texts_are_those_that_llama_cpp_writes_with_the_adapter(
    tmp_path: Path, model_path: Path
) -> None:
    network, numbers = _network(model_path, 0.3)
    adapter = tmp_path / "adapter.gguf"
    write_adapter(adapter, numbers, shape=network.shape, layout=network.layout, alpha=ALPHA)
    base = tmp_path / "base.gguf"
    _in_float32(model_path, base)

    changed = 0
    with reference(base, adapter) as there, reference(base) as without:
        vocabulary = there.model.vocabulary
        for question in QUESTIONS:
            prompt = vocabulary.tokenize(
                f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n",
                add_special=True,
                parse_special=True,
            )
            written = there.greedy(prompt, MOST)
            # Each token is the likeliest behind those before it, so the text is the greedy one.
            logits = network.logits(np.array([prompt + written], np.int32))[0, len(prompt) - 1 :]
            told: list[int] = logits.argmax(axis=1).tolist()
            assert told[: len(written)] == written, question
            assert len(written) == MOST or vocabulary.is_end(told[-1])
            changed += int(without.logits(prompt)[-1].argmax()) != (written or told)[0]

    assert changed > 0, "the adapter changes nothing"


def _in_float32(path: Path, destination: Path) -> None:
    """The same model without rounding, which would decide between tokens that are as good."""
    source = GgufSource(path)
    values = {
        key: source.value(key)
        for key in (
            "block_count", "context_length", "embedding_length", "feed_forward_length",
            "attention.head_count", "attention.head_count_kv",
            "attention.layer_norm_rms_epsilon", "rope.dimension_count", "rope.freq_base",
        )
    }  # fmt: skip
    tensors: dict[str, Numbers] = {name: source.read(name) for name in source.tensors}
    write(destination, Tiny(source.architecture, tensors, values), path)
