"""What PyTorch computes is what numpy and llama.cpp compute of the same file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funland_worker.engines.gguf_source import GgufSource
from funland_worker.training import plan
from funland_worker.training.adapter_learner import NumpyAdapter
from funland_worker.training.examples import Example, batch, example
from funland_worker.training.learner import Learner, Way
from funland_worker.training.lesson import new_state
from funland_worker.training.numbers import Numbers
from funland_worker.training.settings import Settings
from funland_worker.training.shape import Shape, read_shape
from tests.worker.training.models import FAMILIES, tiny, write
from tests.worker.training.reference import reference

pytest.importorskip("torch")

from funland_worker.training.pytorch import devices
from funland_worker.training.pytorch.ways import TorchAdapter, TorchWhole

SETTINGS = Settings(rank=4, alpha=6.0, seed=3)
POSITIONS = 128
WITHIN = 2e-4
"""By what part of its largest number a gradient or logits may differ."""
OF_A_CURVE = 1e-3
STEPS, BATCH = 50, 8


def _examples(vocabulary: int, count: int, longest: int = 60) -> list[Example]:
    random = np.random.default_rng(9)
    made: list[Example] = []
    for _ in range(count):
        length = int(random.integers(8, longest))
        tokens = random.integers(0, vocabulary, length).tolist()
        made.append(example(tokens, [(length // 2, length)]))
    return made


def _learnt(way: Way, examples: list[Example], steps: int, rate: float) -> tuple[Any, list[float]]:
    """What a way learns, and the losses of its steps."""
    state = new_state(way.begin())
    learner = way.learner(state, POSITIONS, lambda fraction: None)
    lengths = [len(one.tokens) for one in examples]
    losses: list[float] = []
    for step in range(1, steps + 1):
        epoch, at = divmod(step - 1, plan.steps_in_epoch(len(examples), BATCH))
        rows = plan.batches(lengths, BATCH, 1, epoch)[at]
        losses.append(_step(learner, [examples[row] for row in rows], step, rate))
    learner.gather()
    return state, losses


def _step(learner: Learner, examples: list[Example], step: int, rate: float) -> float:
    answers, loss = sum(one.answers for one in examples), 0.0
    learner.begin()
    for rows in plan.passes(range(len(examples)), [len(one.tokens) for one in examples]):
        loss += learner.learn(batch([examples[row] for row in rows]), 1 / answers, lambda: None)
    learner.step(step=step, rate=rate, decay=0.01, max_norm=1.0)
    return loss / answers


def _of(path: Path) -> tuple[Shape, int]:
    source = GgufSource(path)
    return read_shape(source), int(source.tensors["token_embd.weight"].shape[1])


def _numpy(path: Path, shape: Shape) -> NumpyAdapter:
    return NumpyAdapter(lambda: GgufSource(path), shape, SETTINGS)


def _torch(path: Path, shape: Shape, *, quantized: bool = False) -> TorchAdapter:
    device = devices.torch_device(devices.CPU, 1)
    return TorchAdapter(path, shape, SETTINGS, device, quantized)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_adapter_learns_as_in_numpy(tmp_path: Path, model_path: Path, family: str) -> None:
    network = tiny(FAMILIES[family], vocabulary=4096)
    path = write(tmp_path / "model.gguf", network, model_path)
    shape, vocabulary = _of(path)
    examples = _examples(vocabulary, 2 * BATCH)

    mine, losses = _learnt(_torch(path, shape), examples, 3, 1e-2)
    theirs, expected = _learnt(_numpy(path, shape), examples, 3, 1e-2)

    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-4)
    largest = float(np.abs(theirs.first).max())
    np.testing.assert_allclose(mine.first, theirs.first, rtol=0, atol=1e-3 * largest)


def test_fifty_steps_of_the_embedded_model_have_the_losses_that_numpy_has(
    model_path: Path,
) -> None:
    shape, _ = _of(model_path)
    examples = _examples(200, 8 * BATCH, 40)

    _, losses = _learnt(_torch(model_path, shape), examples, STEPS, 1e-3)
    _, expected = _learnt(_numpy(model_path, shape), examples, STEPS, 1e-3)

    assert expected[-1] < 0.8 * expected[0]
    np.testing.assert_allclose(losses, expected, rtol=0, atol=OF_A_CURVE)


def test_what_is_computed_anew_on_the_way_back_gives_the_same_gradients(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, _ = _of(model_path)
    examples = _examples(200, BATCH)
    kept, losses = _learnt(_torch(model_path, shape), examples, 2, 1e-3)

    monkeypatch.setattr("funland_worker.training.pytorch.network.KEPT_BYTES", 0)
    anew, again = _learnt(_torch(model_path, shape), examples, 2, 1e-3)

    assert losses == again
    np.testing.assert_array_equal(kept.numbers, anew.numbers)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_whose_weights_all_learn_is_in_llama_cpp_what_it_is_here(
    tmp_path: Path, model_path: Path, family: str
) -> None:
    network = tiny(FAMILIES[family], vocabulary=4096)
    path = write(tmp_path / "model.gguf", network, model_path)
    shape, vocabulary = _of(path)
    way = TorchWhole(path, shape, vocabulary, devices.torch_device(devices.CPU, 1))
    state, losses = _learnt(way, _examples(vocabulary, BATCH), 5, 4e-3)

    learner = way.learner(state, POSITIONS, lambda fraction: None)
    learner.write(tmp_path / "learnt.gguf", state.numbers)

    assert way.size == sum(
        numbers.size for name, numbers in network.tensors.items() if name != "rope_freqs.weight"
    )
    assert losses[-1] < 0.9 * losses[0]
    tokens = np.random.default_rng(7).integers(0, vocabulary, (1, 40), np.int32)
    with reference(tmp_path / "learnt.gguf") as there, reference(path) as before:
        wanted, was = there.logits(tokens[0].tolist()), before.logits(tokens[0].tolist())
    told: Numbers = learner.logits(tokens)[0].numpy()
    np.testing.assert_allclose(told, wanted, rtol=0, atol=WITHIN * float(np.abs(wanted).max()))
    assert float(np.abs(wanted - was).max()) > 100 * WITHIN * float(np.abs(wanted).max())


def test_all_that_a_file_says_beside_its_weights_stays(tmp_path: Path, model_path: Path) -> None:
    shape, vocabulary = _of(model_path)
    way = TorchWhole(model_path, shape, vocabulary, devices.torch_device(devices.CPU, 1))
    state = new_state(way.begin())

    learner = way.learner(state, POSITIONS, lambda fraction: None)
    learner.write(tmp_path / "same.gguf", state.numbers)

    before, after = GgufSource(model_path), GgufSource(tmp_path / "same.gguf")
    said = {"general.file_type", "general.quantization_version"}
    for key in before.fields.keys() | after.fields.keys():
        if key not in said and not key.startswith("GGUF."):
            assert before.fields[key].contents() == after.fields[key].contents(), key
            assert before.fields[key].types == after.fields[key].types, key
    assert before.tensors.keys() == after.tensors.keys()
    for name in before.tensors:
        np.testing.assert_array_equal(before.read(name), after.read(name))


def test_weights_of_four_bits_are_near_the_models_and_an_adapter_learns_beside_them(
    model_path: Path,
) -> None:
    pytest.importorskip("bitsandbytes")
    shape, _ = _of(model_path)
    examples = _examples(200, 2 * BATCH)

    _, quantized = _learnt(_torch(model_path, shape, quantized=True), examples, 12, 1e-2)
    _, plain = _learnt(_torch(model_path, shape), examples, 1, 1e-2)

    assert 0 < abs(quantized[0] - plain[0]) < 0.05 * plain[0]
    assert quantized[-1] < 0.9 * quantized[0]


def test_a_product_of_weights_of_four_bits_has_the_gradient_of_what_they_stand_for() -> None:
    pytest.importorskip("bitsandbytes")
    from funland_worker.training.pytorch.library import torch  # noqa: PLC0415 - it may not be there
    from funland_worker.training.pytorch.linear import Plain, Quantized  # noqa: PLC0415 - likewise

    weight, bias = torch.randn(96, 64), torch.randn(96)
    quantized = Quantized(weight, bias)
    plain = Plain(quantized.weight, bias)
    inputs = torch.randn(5, 64)

    told: list[tuple[Any, Any]] = []
    for layer in (quantized, plain):
        given = inputs.clone().requires_grad_()
        outputs = layer(given)
        outputs.square().sum().backward()
        told.append((outputs.detach(), given.grad))

    torch.testing.assert_close(*told)
    largest = float(weight.abs().max())
    assert float((quantized.weight - weight).abs().max()) < 0.16 * largest


def test_nothing_is_fetched_when_bitsandbytes_is_imported(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    (tmp_path / "kernels.py").write_text("def get_kernel(*a, **b):\n    print('asked')\n")
    imports = "from funland_worker.training.pytorch import quantizing\nimport kernels"

    told = subprocess.run(
        [sys.executable, "-c", imports],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
        text=True,
    )

    assert (told.stdout, told.stderr) == ("", "")
