"""What answers lose when a document's keys and values are moved instead of computed again:
`python -m tools.bench.moved_chunks`.

The embedded model, which was trained, writes greedily after stories of its own that stand behind
another request than the one behind which they were computed, once with `cache_reuse_tokens` and
once without. How far what it writes is alike says how much that changes, for this model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from statistics import mean, median
from time import monotonic

from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, Prompt, Sampling, TokenLogprob
from tools.bench.cache_types import PROMPTS

_TINY = resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"
_BEFORE = "Hello. "
_ASKED = ("What is this? ", "Tell me a story like this. ", "Who is in this story? ", "Go on. ")
_STORY, _ANSWER = 120, 24
_LEAST = 32


class Writer:
    """The embedded model in an engine of its own."""

    def __init__(self, model: LlamaModel, least: int) -> None:
        store = StateStore(100_000_000)
        self._engine = LlamaEngine(model, 1024, 2, 1, least_chunk=least, store=store)
        self._vocabulary = model.vocabulary

    def write(self, text: str, most: int) -> tuple[list[TokenLogprob], Outcome]:
        """What it writes greedily."""
        tokens = self._vocabulary.tokenize(text, add_special=True, parse_special=True)
        sampling = Sampling(temperature=0, max_tokens=most, ignore_end=True)
        self._engine.submit(Prompt(0, tokens, sampling, monotonic(), top_logprobs=0))
        written: list[TokenLogprob] = []
        while True:
            for advance in self._engine.step().advances:
                written += advance.logprobs
                if advance.outcome is not None:
                    return written, advance.outcome


def request(before: str, story: str) -> str:
    """A user's message of a request and a story."""
    return f"<|im_start|>user\n{before}{story}<|im_end|>\n<|im_start|>assistant\n"


def line(found: Sequence[tuple[list[TokenLogprob], list[TokenLogprob]]]) -> str:
    """How far texts are like others."""
    firsts = [one[0].token == other[0].token for one, other in found]
    same: list[int] = []
    off: list[float] = []
    for one, other in found:
        pairs = list(zip(one, other, strict=True))
        count = next((i for i, (a, b) in enumerate(pairs) if a.token != b.token), len(pairs))
        same.append(count)
        off += [abs((a.logprob or 0) - (b.logprob or 0)) for a, b in pairs[:count]]
    return (
        f"first token the same in {sum(firsts)} of {len(firsts)}, all {_ANSWER} in"
        f" {sum(count == _ANSWER for count in same)}; {mean(same):.1f} tokens before the first"
        f" other one; logprobs off by {median(off):.3f} in the median, {max(off):.3f} at most"
    )


def main() -> None:
    """Measures, and prints a line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.moved_chunks", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(str(_TINY)), help="a GGUF file")
    library.start()
    model = LlamaModel(parser.parse_args().model)
    whole, moving = Writer(model, 0), Writer(model, _LEAST)
    found: list[tuple[list[TokenLogprob], list[TokenLogprob]]] = []
    cached: list[int] = []
    for prompt in PROMPTS:
        story = b"".join(one.piece for one in whole.write(prompt, _STORY)[0]).decode()
        moving.write(request(_BEFORE, story), 1)
        for asked in _ASKED:
            exact, _ = whole.write(request(asked, story), _ANSWER)
            other, outcome = moving.write(request(asked, story), _ANSWER)
            found.append((other, exact))
            cached.append(outcome.cached_tokens)
    print(f"{min(cached)} to {max(cached)} tokens of each prompt were moved or known")
    print(line(found))


if __name__ == "__main__":
    main()
