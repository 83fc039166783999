"""Tries one architecture, in a process that may be lost: `python -m tools.zoo.one NAME FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError
from tools.zoo.files import write_model
from tools.zoo.reference import check
from tools.zoo.results import Result, Trial, stamp, write
from tools.zoo.trials import TRIALS, Tried, vectors_off


def compare(model: LlamaModel, tried: Tried) -> Trial:
    """A trial's texts beside llama.cpp's."""
    verdicts = [check(model, text) for text in tried.texts]
    return Trial(
        texts=len(verdicts),
        right=sum(verdict.right for verdict in verdicts),
        excused=sum(verdict.excused for verdict in verdicts),
        off=max(verdict.off for verdict in verdicts),
        noise=max(verdict.noise for verdict in verdicts),
        cached=tried.cached,
        drafted=tried.drafted,
        accepted=tried.accepted,
    )


def try_one(name: str, results: Path, folder: Path) -> Result:
    """All trials of an architecture; writes what is known after each."""
    result = Result(name, stamp(), running="loading")
    write(results, result)
    model = LlamaModel(write_model(folder, name))
    result.plain, result.writes = model.memory.moves, model.can_generate
    for trial in TRIALS if model.can_generate else ():
        result.running = trial
        write(results, result)
        result.trials[trial] = compare(model, TRIALS[trial](model, folder))
    result.running = "vectors"
    write(results, result)
    try:
        result.vectors_off = vectors_off(model)
    except EngineError as error:
        result.no_vectors = error.message
    result.running = ""
    write(results, result)
    return result


def main() -> None:
    """Reads the command line."""
    name, results = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        try_one(name, results, Path(folder))


if __name__ == "__main__":
    main()
