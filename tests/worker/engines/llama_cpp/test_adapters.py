"""Adapters in the engine: each text has its own, whatever its neighbours have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.adapters import Adapters, Uses
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError, Prompt
from tests import lora_files
from tests.sure_stories import HEROES, PROMPTS
from tests.worker.conftest import GREEDY, Driver

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

SHORT = replace(GREEDY, max_tokens=4, ignore_end=True)
# With each of these the likeliest token is so much likelier than the next that its neighbours,
# and other processors, change nothing.
PROMPT = PROMPTS[HEROES.index("robot")]
ALL_USES: list[Uses] = [
    (),
    (("gruff", 1.0),),
    (("polite", 0.7),),
    (("gruff", 1.0), ("polite", 0.6)),
    (("polite", 0.0),),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("lora")
    return {
        "gruff": lora_files.write(folder / "gruff.gguf", seed=4),
        "polite": lora_files.write(folder / "polite.gguf", seed=5),
    }


@pytest.fixture
def driver(model_path: Path, files: dict[str, Path]) -> Driver:
    """An engine with two adapters, whose cache is empty."""
    library.start()
    model = LlamaModel(model_path)
    return Driver(LlamaEngine(model, 256, 8, 1, adapters=Adapters(model, files)))


def submit(driver: Driver, number: int, uses: Uses) -> None:
    driver.texts[number] = ""
    driver.engine.submit(Prompt(number, driver.tokens(PROMPT), SHORT, monotonic(), adapters=uses))


def test_texts_with_different_adapters_do_not_disturb_each_other(driver: Driver) -> None:
    for number, uses in enumerate(ALL_USES):
        submit(driver, number, uses)
        driver.run()
    alone = dict(driver.texts)
    driver.outcomes.clear()

    for number, uses in enumerate(ALL_USES):
        submit(driver, number, uses)
        driver.step()
    driver.run()

    assert driver.texts == alone
    base, gruff, polite, both, none = (alone[number] for number in range(len(ALL_USES)))
    assert len({base, gruff, polite, both}) == 4, "the adapters change the text"
    assert none == base, "a scale of 0 changes nothing"


def test_a_file_that_llama_cpp_refuses_is_named(model: LlamaModel, tmp_path: Path) -> None:
    path = lora_files.write(tmp_path / "bad.gguf", adapter_type="other")

    with pytest.raises(EngineError) as raised:
        Adapters(model, {"bad": path})

    assert raised.value.reason == ErrorReason.ADAPTER_INVALID
    assert raised.value.metadata == {"adapter": "bad", "file": "bad.gguf"}
