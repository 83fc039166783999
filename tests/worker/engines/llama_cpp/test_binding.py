"""Threads that compute stay where they are put."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from funland_worker import cores
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Prompt, Sampling

pytestmark = [
    pytest.mark.skipif(not cores.allowed(), reason="this system binds no threads"),
    pytest.mark.skipif(cores.count() == 1, reason="one core: there is nothing to choose"),
]


def cores_of_the_engines_thread(model: LlamaModel, threads: int) -> set[int]:
    """Where the thread may run that has stepped an engine."""

    def step() -> set[int]:
        engine = LlamaEngine(model, 64, 1, threads, kv_cells=64)
        engine.submit(Prompt(1, [1, 2], Sampling(max_tokens=1), arrival=monotonic()))
        engine.step()
        return os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as thread:  # one that ends then: it may be bound
        return thread.submit(step).result()


def test_a_model_that_needs_most_cores_has_a_thread_on_each(model: LlamaModel) -> None:
    threads = cores.most_threads(cores.count())

    assert cores_of_the_engines_thread(model, threads) == {cores.one_of_each()[-threads]}


def test_one_thread_goes_where_the_system_puts_it(model: LlamaModel) -> None:
    assert cores_of_the_engines_thread(model, 1) == set(cores.allowed())


def test_what_the_user_tells_openmp_goes_before(
    model: LlamaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_PROC_BIND", "false")

    threads = cores.most_threads(cores.count())

    assert cores_of_the_engines_thread(model, threads) == set(cores.allowed())
