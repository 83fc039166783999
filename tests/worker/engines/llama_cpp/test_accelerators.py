"""What llama.cpp computes on a device is what it computes on the CPU.

The device is Mesa's lavapipe, a program: slow, so texts are short, and those of a test are as few
as show something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Launch, LaunchDevice
from funland_worker.engines.llama_cpp import telling
from funland_worker.engines.llama_cpp.backends import accelerators
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.loading import load
from funland_worker.engines.loaded import Loaded
from funland_worker.engines.protocol import EngineError, Sampling
from tests import lavapipe
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

LAYERS = 8
"""Of the embedded model, its output's included."""
SHORT = replace(GREEDY, max_tokens=8, ignore_end=True)
ONE = replace(GREEDY, max_tokens=1)
FOX = "The fox and the hen met"
TEXT, OTHER = ([*range(first, first + 40)] for first in (300, 500))
"""Any tokens: enough to be worth keeping."""

LoadOn = Callable[..., Loaded]


@pytest.fixture(scope="module")
def load_on(model_path: Path) -> Iterator[LoadOn]:
    """Loads the embedded model on the device; settings by name, `more` is for the `Launch`."""

    def load_(more: Launch | None = None, device: str = lavapipe.NAME, **settings: Any) -> Loaded:
        launch = Launch(model_path=str(model_path), max_context_length=256)
        settings.setdefault("slots", 2)
        launch.settings.MergeFrom(LoadSettings(**settings))
        launch.devices.add(device_id="gpu_0", name=device, weight=1)
        launch.MergeFrom(more or Launch())
        return load(launch)

    with pytest.MonkeyPatch.context() as patch:
        # Read once, when the backend is loaded.
        for name, value in lavapipe.environment(cards=2).items():
            patch.setenv(name, value)
        yield load_


def written(loaded: Loaded, sampling: Sampling = SHORT) -> str:
    return Driver(engine_of(loaded)).complete(STORY, sampling)[0]


def engine_of(loaded: Loaded) -> LlamaEngine:
    assert isinstance(loaded.engine, LlamaEngine)
    return loaded.engine


@pytest.fixture(scope="module")
def right(start_lasting_engine: StartEngine) -> str:
    """What the CPU writes."""
    return start_lasting_engine(slots=2).complete(STORY, SHORT)[0]


@pytest.fixture(scope="module")
def whole(load_on: LoadOn) -> Loaded:
    """The model with all of its layers on the device."""
    return load_on()


def test_a_model_on_a_device_writes_what_it_writes_on_the_cpu(whole: Loaded, right: str) -> None:
    assert whole.engine.device == lavapipe.NAME
    assert (whole.told.gpu_layers, whole.told.layer_count) == (LAYERS, LAYERS)
    assert whole.told.flash_attention
    assert (whole.told.key_type, whole.told.value_type) == (LoadSettings.F16, LoadSettings.F16)

    assert written(whole) == right


def test_the_logits_of_a_device_are_near_the_cpus(
    whole: Loaded, start_lasting_engine: StartEngine
) -> None:
    likely: list[NDArray[np.float64]] = []
    for driver in (start_lasting_engine(), Driver(engine_of(whole))):
        driver.submit(1, STORY, replace(GREEDY, max_tokens=0), prompt_logprobs=0)
        told = [one for report in driver.run() for one in report.prompt_logprobs]
        likely.append(np.array([one.logprob for one in told[0][1] if one.logprob is not None]))

    # What the CPU multiplies by weights of 8 bits it rounds to 8 bits too; a device does not.
    cpu, device = likely
    apart = np.abs(cpu - device)
    assert apart.mean() < 0.1
    assert apart.max() < 0.6


@pytest.mark.parametrize("layers", [0, 3])
def test_the_cpu_computes_the_layers_that_a_device_has_not(
    load_on: LoadOn, whole: Loaded, right: str, layers: int
) -> None:
    loaded = load_on(Launch(gpu_layers=layers))

    assert (loaded.told.gpu_layers, loaded.told.layer_count) == (layers, LAYERS)
    assert loaded.engine.device == (lavapipe.NAME if layers else "CPU")
    taken = loaded.told.device_memory[lavapipe.NAME] if layers else 0
    assert bool(layers) == (taken > 0)
    assert taken < whole.told.device_memory[lavapipe.NAME]
    assert written(loaded) == right


def test_without_devices_nothing_is_on_one(
    whole: Loaded, start_lasting_engine: StartEngine
) -> None:
    context = start_lasting_engine().engine.context

    assert whole.told.gpu_layers
    assert [telling.device_bytes(context, one.handle) for one in accelerators()] == [0, 0]


def test_more_layers_than_there_are_are_all(load_on: LoadOn) -> None:
    assert load_on(Launch(gpu_layers=10_000)).told.gpu_layers == LAYERS


def test_the_weights_on_a_device_and_the_cache_are_its_memory(
    whole: Loaded, load_on: LoadOn, model_path: Path
) -> None:
    longer = load_on(context_length=1024)

    # The token embeddings stay with the CPU; the output's weights are the same tensor again.
    weights = model_path.stat().st_size
    assert 0.8 * weights < whole.told.device_memory[lavapipe.NAME] < 4 * weights
    keys_and_values = 2 * (1024 - 256) * 7 * 2 * 256 * 2  # slots, tokens, layers, both, width, f16
    more = longer.told.device_memory[lavapipe.NAME] - whole.told.device_memory[lavapipe.NAME]
    assert more == pytest.approx(keys_and_values, rel=0.3)


def test_layers_are_parted_among_devices_by_weight(load_on: LoadOn, right: str) -> None:
    second = LaunchDevice(device_id="gpu_1", name=lavapipe.SECOND, weight=3)
    loaded = load_on(Launch(devices=[second]))

    assert loaded.engine.device == f"{lavapipe.NAME},{lavapipe.SECOND}"
    assert loaded.told.gpu_layers == LAYERS
    taken = loaded.told.device_memory
    assert 0 < taken[lavapipe.NAME] < taken[lavapipe.SECOND]
    assert written(loaded) == right


def test_flash_attention_can_be_switched_off(load_on: LoadOn, right: str) -> None:
    loaded = load_on(flash_attention=False)

    assert loaded.told.HasField("flash_attention")
    assert not loaded.told.flash_attention
    assert written(loaded) == right


def test_keys_and_values_can_be_kept_in_fewer_bits(
    load_on: LoadOn, whole: Loaded, right: str
) -> None:
    loaded = load_on(key_type=LoadSettings.Q8_0, value_type=LoadSettings.Q8_0)

    assert (loaded.told.key_type, loaded.told.value_type) == (LoadSettings.Q8_0, LoadSettings.Q8_0)
    assert loaded.told.flash_attention
    both = [one.told.device_memory[lavapipe.NAME] for one in (loaded, whole)]
    assert both[0] < both[1]
    assert written(loaded) == right


def test_texts_beside_each_other_are_as_alone(
    whole: Loaded, start_lasting_engine: StartEngine
) -> None:
    device, cpu = Driver(engine_of(whole)), start_lasting_engine()
    for driver in (device, cpu):
        driver.submit(1, STORY, SHORT)
        driver.submit(2, FOX, SHORT)
        driver.run()

    assert device.texts == cpu.texts


def test_what_a_text_began_with_comes_back_from_the_machines_memory(
    load_on: LoadOn, start_lasting_engine: StartEngine
) -> None:
    """With streams: the unified cache asks llama.cpp for the same, and for a program that plays a
    GPU to learn how it computes it takes longer than all else here."""
    store = Launch(prefix_memory_bytes=50_000_000)
    cache = LoadSettings.STREAMS
    device = Driver(engine_of(load_on(store, slots=1, cache=cache, context_length=96)))
    device.complete(TEXT, ONE)
    device.complete(OTHER, ONE)  # its place is taken

    text, outcome = device.complete([*TEXT, *OTHER[:4]], SHORT)

    assert outcome.cached_tokens >= len(TEXT) - 1
    assert text == start_lasting_engine().complete([*TEXT, *OTHER[:4]], SHORT)[0]


def test_a_cache_on_a_device_has_all_its_parts_from_the_beginning(load_on: LoadOn) -> None:
    context = engine_of(load_on(slots=8)).context

    assert (lib.llama_n_seq_max(context), lib.llama_n_ctx(context)) == (8, 8 * 256)


def test_vectors_of_a_device_are_the_cpus(whole: Loaded, start_lasting_engine: StartEngine) -> None:
    engines = (engine_of(whole), start_lasting_engine().engine)

    one, other = (np.array(engine.embed([TEXT], EmbedRequest.MEAN)[0]) for engine in engines)

    assert one @ other > 0.999 * np.sqrt((one @ one) * (other @ other))


def test_one_thread_is_enough_where_the_cpu_computes_nothing(
    whole: Loaded, load_on: LoadOn
) -> None:
    assert whole.engine.threads == 1
    assert load_on(threads=2).engine.threads == 2


def test_a_device_that_is_not_there_is_named_beside_those_that_are(load_on: LoadOn) -> None:
    with pytest.raises(
        EngineError, match=r"no device Vulkan7 .* there is CPU, Vulkan0, Vulkan1"
    ) as raised:
        load_on(device="Vulkan7")

    assert raised.value.reason == ErrorReason.ENGINE_UNAVAILABLE
    assert raised.value.metadata["device"] == "Vulkan7"
