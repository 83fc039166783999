"""The embedded model in each engine, loaded as a worker loads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from time import monotonic

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.choice import load
from funland_worker.engines.protocol import (
    Engine,
    EngineError,
    Outcome,
    Prompt,
    Sampling,
    StepReport,
    TokenLogprob,
)

SLOTS = 4
CONTEXT = 256
GREEDY = Sampling(temperature=0)
ENGINES = ("LLAMA_CPP", "OPENVINO", "CTRANSLATE2")


def chat(message: str) -> str:
    """A conversation of one message, as the embedded model's template writes it."""
    return f"<|im_start|>user\n{message}<|im_end|>\n<|im_start|>assistant\n"


class Driver:
    """Steps an engine and collects what it says of each text."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.texts: dict[tuple[int, int], str] = {}
        self.outcomes: dict[tuple[int, int], Outcome] = {}
        self.logprobs: dict[tuple[int, int], list[TokenLogprob]] = {}
        self.failures: dict[int, EngineError] = {}
        self._last_id = 0

    def prompt(self, text: str | Sequence[int], sampling: Sampling = GREEDY) -> Prompt:
        """A prompt with an id of its own."""
        self._last_id += 1
        tokens = self.tokens(text) if isinstance(text, str) else text
        return Prompt(self._last_id, tokens, sampling, monotonic())

    def tokens(self, text: str) -> list[int]:
        return self.engine.vocabulary.tokenize(text, add_special=True, parse_special=True)

    def submit(self, prompt: Prompt) -> tuple[int, int]:
        key = (prompt.sequence_id, prompt.choice)
        self.texts[key] = ""
        self.logprobs[key] = []
        self.engine.submit(prompt)
        return key

    def step(self) -> StepReport:
        report = self.engine.step()
        for advance in report.advances:
            key = (advance.sequence_id, advance.choice)
            assert key not in self.outcomes, "an event after the last"
            self.texts[key] += advance.text
            self.logprobs[key] += advance.logprobs
            if advance.outcome is not None:
                self.outcomes[key] = advance.outcome
        self.failures |= dict(report.failures)
        return report

    def run(self) -> list[StepReport]:
        """Steps until nothing is left to do."""
        reports: list[StepReport] = []
        while not self.engine.idle:
            reports.append(self.step())
            assert len(reports) < 5000, "the engine does not come to an end"
        return reports

    def step_until_text(self, key: tuple[int, int]) -> None:
        """Steps until the first characters of a text are there."""
        for _ in range(5000):
            if self.texts[key]:
                return
            self.step()
        raise AssertionError("no text came")

    def complete(
        self, text: str | Sequence[int], sampling: Sampling = GREEDY, **more: object
    ) -> tuple[str, Outcome]:
        """The text and outcome of a prompt that runs alone."""
        prompt = replace(self.prompt(text, sampling), **more)  # type: ignore[arg-type]  # the caller names fields of Prompt
        key = self.submit(prompt)
        self.run()
        return self.texts[key], self.outcomes[key]


@pytest.fixture(scope="session")
def model_path() -> Path:
    return Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))


def _engine(name: str, model_path: Path, folder: Path) -> Engine:
    launch = worker_pb2.Launch(
        model_path=str(model_path),
        socket_path=str(folder / "socket"),
        settings=LoadSettings(
            engine=LoadSettings.Engine.Value(name), slots=SLOTS, context_length=CONTEXT
        ),
        max_context_length=CONTEXT,
        format=Model.GGUF,
        model_sha256="0" * 64,
        conversion_folder=str(folder / "conversions"),
    )
    return load(launch).engine


@pytest.fixture(scope="session")
def engines(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """All engines, by name."""
    folder = tmp_path_factory.mktemp("engines")
    return {name: _engine(name, model_path, folder) for name in ENGINES}


@pytest.fixture(params=ENGINES)
def driver(request: pytest.FixtureRequest, engines: dict[str, Engine]) -> Iterator[Driver]:
    """Each engine in turn; it has nothing to do before a test and after it."""
    driver = Driver(engines[request.param])
    yield driver
    assert driver.engine.idle, "the test left something running"


@pytest.fixture
def reference(engines: dict[str, Engine]) -> Driver:
    """The engine whose texts are the measure."""
    return Driver(engines["LLAMA_CPP"])
