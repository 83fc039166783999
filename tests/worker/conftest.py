"""The embedded model in an engine of a test's own, without a process around it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, Prompt, Sampling, StepReport, Vocabulary

STORY = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"
GREEDY = Sampling(temperature=0)


@dataclass(frozen=True, slots=True)
class Choices:
    """What became of several texts, by sequence and choice."""

    texts: dict[tuple[int, int], str]
    prompt_tokens: int


class Driver:
    """Steps an engine and collects what it says of each sequence's first text."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.engine = engine
        self.texts: dict[int, str] = {}
        self.outcomes: dict[int, Outcome] = {}

    def submit(
        self,
        sequence_id: int,
        prompt: str | Sequence[int] = STORY,
        sampling: Sampling = GREEDY,
        **more: Any,
    ) -> None:
        """`more` are further fields of the `Prompt`."""
        tokens = self.tokens(prompt) if isinstance(prompt, str) else prompt
        self.texts[sequence_id] = ""
        self.engine.submit(Prompt(sequence_id, tokens, sampling, monotonic(), **more))

    def tokens(self, text: str) -> list[int]:
        return self.engine.vocabulary.tokenize(text, add_special=True, parse_special=True)

    def step(self) -> StepReport:
        report = self.engine.step()
        for advance in report.advances:
            assert advance.sequence_id not in self.outcomes, "an event after the last"
            self.texts[advance.sequence_id] += advance.text
            if advance.outcome is not None:
                self.outcomes[advance.sequence_id] = advance.outcome
        return report

    def run(self) -> list[StepReport]:
        """Steps until nothing is left to do."""
        reports: list[StepReport] = []
        while not self.engine.idle:
            reports.append(self.step())
            assert len(reports) < 5000, "the engine does not come to an end"
        return reports

    def run_choices(self) -> Choices:
        """Steps until nothing is left to do, and collects each text of each sequence."""
        texts: dict[tuple[int, int], str] = {}
        prompt_tokens = 0
        while not self.engine.idle:
            report = self.engine.step()
            prompt_tokens += report.prompt_tokens
            for advance in report.advances:
                key = (advance.sequence_id, advance.choice)
                texts[key] = texts.get(key, "") + advance.text
        return Choices(texts, prompt_tokens)

    def complete(
        self, prompt: str | Sequence[int] = STORY, sampling: Sampling = GREEDY
    ) -> tuple[str, Outcome]:
        """The text and outcome of a sequence that runs alone."""
        sequence_id = len(self.texts) + 1_000_000
        self.submit(sequence_id, prompt, sampling)
        self.run()
        return self.texts[sequence_id], self.outcomes[sequence_id]


StartEngine = Callable[..., Driver]


@pytest.fixture(scope="module", autouse=True)
def contexts_end_with_their_module() -> Iterator[None]:
    """A worker's contexts last as long as the process, which is hours where it runs tests."""
    with _freeing_contexts():
        yield


@pytest.fixture
def contexts_end_with_their_test() -> Iterator[None]:
    """For modules whose tests share no engine."""
    with _freeing_contexts():
        yield


@contextmanager
def _freeing_contexts() -> Generator[None]:
    """Frees at the end what llama.cpp's contexts that were made meanwhile and are left hold."""
    opened: set[int] = set()
    make, free = lib.llama_init_from_model, lib.llama_free

    def noted(*arguments: Any) -> Any:
        if context := make(*arguments):
            opened.add(context)
        return context

    def forgotten(context: Any) -> None:
        opened.discard(context)
        free(context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lib, "llama_init_from_model", noted)
        patch.setattr(lib, "llama_free", forgotten)
        yield
    for context in opened:
        free(context)


@pytest.fixture(scope="session")
def model_path() -> Path:
    return Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))


@pytest.fixture(scope="session")
def model(model_path: Path) -> LlamaModel:
    library.start()
    return LlamaModel(model_path)


@pytest.fixture(scope="session")
def vocabulary(model: LlamaModel) -> Vocabulary:
    return model.vocabulary


@pytest.fixture(scope="session")
def start_lasting_engine(model: LlamaModel) -> StartEngine:
    """Makes engines for the tests of a module, as `start_engine` does for one. Where a test has
    both, it computes nothing with these: their contexts may be made anew, and end with it."""

    def start(
        slots: int = 4, context_length: int = 256, kv_cells: int = 4096, **more: Any
    ) -> Driver:
        return Driver(LlamaEngine(model, context_length, slots, 1, kv_cells=kv_cells, **more))

    return start


@pytest.fixture
def start_engine(
    start_lasting_engine: StartEngine, contexts_end_with_their_test: None
) -> StartEngine:
    """Makes an engine: `start_engine(slots=4, context_length=256, kv_cells=512)`; more arguments
    are those of `LlamaEngine`."""
    del contexts_end_with_their_test
    return start_lasting_engine


@pytest.fixture
def driver(start_engine: StartEngine) -> Driver:
    """An engine whose cache is empty."""
    return start_engine()
