"""What other numbers for keys and values change, beside F16 without flash attention: how likely
tokens are, which are the likeliest, the memory and the processor's time: `make bench-cache-types`.

Texts are the embedded model's, which was trained; the time is that of a model of random weights as
well. One thread computes and its own time is read, so that what else the machine does tells little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.attention import Attention
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from tools.zoo.files import write_model

_TINY = resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"
_F16, _Q8, _Q4 = LoadSettings.F16, LoadSettings.Q8_0, LoadSettings.Q4_0
KINDS = {
    "F16": Attention(_F16, _F16, flash=False),
    "F16, flash attention": Attention(_F16, _F16, flash=True),
    "keys Q8_0": Attention(_Q8, _F16, flash=False),
    "Q8_0": Attention(_Q8, _Q8, flash=True),
    "Q4_0": Attention(_Q4, _Q4, flash=True),
}
_HEROES = (
    "cat", "dog", "dragon", "king", "ship", "tree", "wizard", "farmer", "fish", "horse", "moon",
    "boy", "witch", "elephant", "snail", "cook",
)  # fmt: skip
PROMPTS = [
    f"<|im_start|>user\nTell me a story about a {hero}.<|im_end|>\n<|im_start|>assistant\n"
    for hero in _HEROES
]
_LIKELY = np.log(1e-3)
_WIDE: dict[str, Any] = {
    "embedding_length": 1024, "block_count": 8, "attention__head_count": 16,
    "attention__head_count_kv": 4, "attention__key_length": 64, "attention__value_length": 64,
    "rope__dimension_count": 64, "feed_forward_length": 2816, "context_length": 8192,
}  # fmt: skip
"""A llama of 90 million weights, of which each layer has a quarter of its heads for keys."""


class Texts:
    """Several texts of one length, each in a part of its own."""

    def __init__(self, path: Path, kind: Attention, texts: int, length: int) -> None:
        self.model = LlamaModel(path, attention=kind)
        params = self.model.context_params()
        params.n_ctx, params.n_seq_max = texts * length, texts
        params.n_batch = params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = 1
        self._context = lib.llama_init_from_model(self.model.handle, params)
        self._batch = Batch(512)
        self.lengths = [0] * texts

    def add(self, text: int, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Computes more of a text; the logprobs of what may follow."""
        self._decode([(text, tokens)])
        pointer: Any = lib.llama_get_logits_ith(self._context, -1)
        scores = np.ctypeslib.as_array(pointer, (self.model.vocabulary.size,)).astype(np.float64)
        scores -= scores.max()
        return scores - np.log(np.exp(scores).sum())

    def fill(self, length: int) -> None:
        """Gives all texts so many tokens, computed once and copied."""
        for at in range(0, length, 512):
            self.add(0, [7 + place % 512 for place in range(at, min(at + 512, length))])
        memory = lib.llama_get_memory(self._context)
        for text in range(1, len(self.lengths)):
            lib.llama_memory_seq_cp(memory, 0, text, -1, -1)
            self.lengths[text] = length

    def step(self) -> None:
        """Computes a token of each."""
        self._decode([(text, [7 + length % 512]) for text, length in enumerate(self.lengths)])

    @property
    def bytes(self) -> int:
        """What the first text's state takes."""
        return int(lib.llama_state_seq_get_size(self._context, 0))

    def close(self) -> None:
        """Frees what it has."""
        lib.llama_free(self._context)
        lib.llama_model_free(self.model.handle)

    def _decode(self, parts: Sequence[tuple[int, Sequence[int]]]) -> None:
        self._batch.clear()
        for text, tokens in parts:
            self._batch.add(text, self.lengths[text], tokens, outputs=1)
            self.lengths[text] += len(tokens)
        if outcome := self._batch.decode(self._context):
            raise RuntimeError(f"llama.cpp can't compute: {outcome}")


def write(
    path: Path,
    kind: Attention,
    prompt: str,
    made: int,
    *,
    known: Sequence[int] = (),
    drawn: np.random.Generator | None = None,
) -> tuple[NDArray[np.float64], list[int]]:
    """The logprobs after each token of a prompt and of what follows, and that: `known`, or `drawn`
    as likely as tokens are, or the likeliest."""
    texts = Texts(path, kind, 1, 1024)
    tokens = texts.model.vocabulary.tokenize(prompt, add_special=True, parse_special=True)
    rows, follows = [texts.add(0, tokens)], list[int]()
    while len(rows) < made:
        row = rows[-1]
        if known:
            follows.append(known[len(follows)])
        elif drawn is not None:
            follows.append(int(drawn.choice(len(row), p=np.exp(row) / np.exp(row).sum())))
        else:
            follows.append(int(row.argmax()))
        rows.append(texts.add(0, follows[-1:]))
    texts.close()
    return np.array(rows), follows


def compare(path: Path, prompts: Sequence[str], made: int) -> None:
    """Prints how far the scores of each kind are off in texts that are drawn, where many a token is
    in doubt, and which greedy texts are the same."""
    usual, drawn = KINDS["F16"], np.random.default_rng(0)
    greedy = [write(path, usual, prompt, made) for prompt in prompts]
    told = [write(path, usual, prompt, made, drawn=drawn) for prompt in prompts]
    for name, kind in list(KINDS.items())[1:]:
        off, agree, same = list[float](), 0, 0
        for prompt, (rows, follows), (_, text) in zip(prompts, told, greedy, strict=True):
            other, _ = write(path, kind, prompt, made, known=follows)
            off += [*np.where(rows > _LIKELY, np.abs(other - rows), 0).max(axis=1)]
            agree += int((rows.argmax(axis=1) == other.argmax(axis=1)).sum())
            same += write(path, kind, prompt, made)[1] == text
        print(
            f"{name}: logprobs off by {max(off):.2f} at most, {np.quantile(off, 0.99):.2f} at 99 of"
            f" 100 places, {np.mean(off):.4f} in the mean; the likeliest token is the same at"
            f" {agree} of {len(off)} places, the greedy text for {same} of {len(prompts)} prompts",
            flush=True,
        )


def spend(path: Path, texts: int, length: int, rounds: int) -> None:
    """Prints what a step of so many texts of so many tokens takes by each kind."""
    held = {name: Texts(path, kind, texts, length + 512) for name, kind in KINDS.items()}
    took: dict[str, list[float]] = {name: [] for name in KINDS}
    taken: dict[str, float] = {}
    for name, each in held.items():
        each.fill(length)
        taken[name] = each.bytes / length
    for _ in range(rounds):
        for name, each in held.items():
            before = process_time()
            for _ in range(8):
                each.step()
            took[name].append(process_time() - before)
    base = median(took["F16"])
    for name, each in held.items():
        rate = 8 * texts / median(took[name])
        print(
            f"{name}, {texts} x {length} tokens: {rate:.0f} tokens a second of the processor,"
            f" {base / median(took[name]):.2f} of F16's; {taken[name]:.0f} bytes a token",
            flush=True,
        )
        each.close()


def read(path: Path, length: int, rounds: int) -> None:
    """Prints what a prompt of so many tokens takes by each kind."""
    took: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(rounds):
        for name, kind in KINDS.items():
            text = Texts(path, kind, 1, length)
            before = process_time()
            text.fill(length)
            took[name].append(process_time() - before)
            text.close()
    base = median(took["F16"])
    for name, seconds in took.items():
        print(
            f"{name}, a prompt of {length} tokens: {median(seconds):.1f} s of the processor, "
            f"{median(seconds) / base:.2f} of F16's",
            flush=True,
        )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--made", type=int, default=200, help="tokens of each text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--length", type=int, nargs="*", default=[512], help="none: texts alone")
    parser.add_argument("--prompts", type=int, nargs="*", default=[1500, 3000], help="their tokens")
    options = parser.parse_args()
    library.start()
    tiny = Path(str(_TINY))
    print(f"load {os.getloadavg()[0]:.0f}")
    compare(tiny, PROMPTS, options.made)
    with tempfile.TemporaryDirectory() as folder:
        wide = write_model(Path(folder), "llama", half=True, **_WIDE)
        for name, path in (("funland-tiny", tiny), ("llama of 90 million random weights", wide)):
            for length in options.length:
                for texts in (1, 8):
                    print(f"{name}:")
                    spend(path, texts, length, options.rounds)
        for length in options.prompts:
            print("llama of 90 million random weights:")
            read(wide, length, options.rounds)
    print(f"load {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    main()
