"""Whether texts are the same alone, in a batch and on the CPU: `python -m tools.bench.greedy`.

Greedy texts of the real engine. Alone and in a batch the kernels that a device takes are others,
and so are those of two devices, so numbers differ in their last digits; where two tokens are nearly
as likely, so may the texts. What is told is how many texts differ, and from which token on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

import orjson

from funland_worker.engines.protocol import Engine, Prompt, Sampling
from tools.bench.engine_loop import open_engine
from tools.bench.prompts import chat_prompt, messages
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 512
_PROMPT_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two ways to write the same texts came out."""

    name: str
    texts: int
    equal: int
    first_differences: list[int]
    """The number of the first other token of each text that differs, the earliest first."""


def compare(name: str, one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> Comparison:
    """Compares texts, each a list of its pieces."""
    differences = [
        next((at for at, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), len(a))
        for a, b in zip(one, other, strict=True)
        if a != b
    ]
    return Comparison(name, len(one), len(one) - len(differences), sorted(differences))


def write(
    engine: Engine, prompts: Sequence[str], tokens: int, *, together: bool
) -> list[list[str]]:
    """The pieces of each prompt's text."""
    waves = [prompts] if together else [[prompt] for prompt in prompts]
    texts: list[list[str]] = []
    number = 0
    sampling = Sampling(temperature=0.0, max_tokens=tokens, ignore_end=True)
    for wave in waves:
        pieces: dict[int, list[str]] = {}
        for message in wave:
            number += 1
            ids = engine.vocabulary.tokenize(
                chat_prompt(message), add_special=True, parse_special=True
            )
            pieces[number] = []
            engine.submit(Prompt(number, ids, sampling, monotonic()))
        while not engine.idle:
            for advance in engine.step().advances:
                pieces[advance.sequence_id].append(advance.text)
        texts += pieces.values()
    return texts


def main() -> None:
    """Writes, compares and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--shape", choices=SHAPES, default="0.5b")
    parser.add_argument("--device", default="", help="by llama.cpp's name; empty: the CPU")
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--out", type=Path, help="a file for the results as JSON")
    arguments = parser.parse_args()
    path = make(arguments.cache, arguments.shape).resolve()
    known = messages(SHAPES[arguments.shape].vocabulary, _PROMPT_TOKENS, 0)
    prompts = list(islice(known, arguments.texts))

    def written(device: str, *, together: bool) -> list[list[str]]:
        engine = open_engine(
            "llama.cpp", path,
            context_length=_CONTEXT, slots=arguments.texts, threads=arguments.threads,
            device=device,
        )  # fmt: skip
        return write(engine, prompts, arguments.tokens, together=together)

    where = arguments.device or "CPU"
    found: list[Comparison] = []

    def tell(name: str, one: list[list[str]], other: list[list[str]]) -> None:
        found.append(compare(name, one, other))
        each = found[-1]
        told = f"{name}: {each.equal} of {each.texts} equal"
        print(f"{told}; others from {each.first_differences}" if each.first_differences else told)
        sys.stdout.flush()
        if arguments.out is not None:
            document = {"comparisons": [asdict(each) for each in found]}
            arguments.out.write_bytes(orjson.dumps(document))

    alone = written(arguments.device, together=False)
    tell(f"{where}, alone against batch", alone, written(arguments.device, together=True))
    if arguments.device:
        tell(f"{where} against CPU, alone", alone, written("", together=False))
    tell(f"{where}, alone against again", alone, written(arguments.device, together=False))


if __name__ == "__main__":
    main()
