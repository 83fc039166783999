"""What is tried with each model: all ways in which a text comes to what was computed before."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import numpy as np

from funland.v1.inference_pb2 import EmbedRequest, Speculation
from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.encoder import LlamaEncoder
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.protocol import Outcome, Prompt, Sampling
from tools.zoo.files import write_model
from tools.zoo.reference import Text, state_vectors

MADE = 10
_GREEDY = Sampling(temperature=0, max_tokens=MADE, ignore_end=True)
_LONGER = Sampling(temperature=0, max_tokens=40, ignore_end=True)
_CONTEXT, _SLOTS, _CELLS = 1024, 8, 8192
_STORE_BYTES = 256 * 1024**2
_MOST_STEPS = 2000
_NEAR = (1e-5, 1e-4, 0.03)
"""What the norms of a model add, which guesses for one that adds the first of them."""
_NORMS = ("attention__layer_norm_epsilon", "attention__layer_norm_rms_epsilon")
_STOP = 18
_LOOKUP = Speculation(method=Speculation.PROMPT_LOOKUP)


@dataclass(slots=True)
class Tried:
    """What a trial brought."""

    texts: list[Text] = field(default_factory=list[Text])
    cached: list[int] = field(default_factory=list[int])
    """How many tokens of each prompt were not computed anew."""
    drafted: int = 0
    accepted: int = 0


class Player:
    """Has an engine write, and notes what comes of it."""

    def __init__(self, engine: LlamaEngine, tried: Tried) -> None:
        self.engine = engine
        self._tried = tried

    def play(self, prompts: Sequence[Prompt]) -> list[Text]:
        """What is written after the prompts, all at once."""
        made: dict[tuple[int, int], Text] = {}
        outcomes: dict[tuple[int, int], Outcome] = {}
        for prompt in prompts:
            made[prompt.sequence_id, prompt.choice] = Text([*prompt.tokens], [], [])
            self.engine.submit(prompt)
        for _ in range(_MOST_STEPS):
            if self.engine.idle:
                break
            for advance in self.engine.step().advances:
                key = advance.sequence_id, advance.choice
                for chosen in advance.logprobs:
                    made[key].made.append(chosen.token)
                    made[key].logprobs.append(chosen.logprob or 0.0)
                if advance.outcome is not None:
                    outcomes[key] = advance.outcome
        if missing := made.keys() - outcomes.keys():
            raise RuntimeError(f"{len(missing)} of {len(made)} texts do not end")
        for key, text in made.items():
            self._tried.texts.append(replace(text, cached=outcomes[key].cached_tokens))
            self._tried.cached.append(outcomes[key].cached_tokens)
            self._tried.drafted += outcomes[key].drafted_tokens
            self._tried.accepted += outcomes[key].accepted_tokens
        return [*made.values()]


def tokens(count: int, seed: int = 0) -> list[int]:
    """The same of the vocabulary each time."""
    choose = random.Random(seed)  # noqa: S311 - nothing secret
    return [choose.randrange(300, 4000) for _ in range(count)]


def prompt(
    number: int,
    known: Sequence[int],
    sampling: Sampling = _GREEDY,
    choice: int = 0,
) -> Prompt:
    """A text that is to be written, with its logprobs."""
    return Prompt(
        number,
        known,
        sampling,
        monotonic(),
        choice=choice,
        top_logprobs=0,
    )


def plain(model: LlamaModel, _folder: Path) -> Tried:
    """Texts of several lengths, alone and beside each other."""
    tried = Tried()
    player = Player(_engine(model), tried)
    for group in ([70], [90, 40], [30, 110, 17, 620]):
        player.play([prompt(n, tokens(length, seed=length)) for n, length in enumerate(group)])
    return tried


def turns(model: LlamaModel, _folder: Path) -> Tried:
    """Three turns of a chat, and one that goes back to the first."""
    tried = Tried()
    player = Player(_engine(model), tried)
    known = tokens(50)
    for turn in range(3):
        (text,) = player.play([prompt(turn, known)])
        known = [*known, *text.made, *tokens(10, seed=turn + 1)]
    player.play([prompt(4, [*known[:65], *tokens(20, seed=9)])])
    return tried


def beginning(model: LlamaModel, _folder: Path) -> Tried:
    """Eight at once that begin alike, and again."""
    tried = Tried()
    player = Player(_engine(model), tried)
    common = tokens(117)
    for _ in range(2):
        player.play([prompt(n, [*common, *tokens(5 + 3 * n, seed=n)]) for n in range(8)])
    return tried


def cancelled(model: LlamaModel, _folder: Path) -> Tried:
    """Texts that go on beside one that is given up, and texts after it."""
    tried = Tried()
    player = Player(_engine(model), tried)
    left = tokens(60, seed=1)
    player.engine.submit(prompt(90, left, _LONGER))
    for _ in range(4):
        player.engine.step()
    player.engine.cancel(90)
    player.play([prompt(1, left), prompt(2, [*left[:40], *tokens(30, seed=2)])])
    return tried


def choices(model: LlamaModel, _folder: Path) -> Tried:
    """Two texts of one call."""
    tried = Tried()
    player = Player(_engine(model), tried)
    known = tokens(80)
    player.play([prompt(1, known, choice=number) for number in range(2)])
    return tried


def speculation(model: LlamaModel, folder: Path) -> Tried:
    """Guesses by looking into the text, and by models that are nearly the same: right, wrong, and
    some of them right; of texts beside each other, of such as go on with them, and of one that ends
    among guesses."""
    tried = Tried()
    player = Player(_engine(model, guesses=Guesses(default=_LOOKUP)), tried)
    for number in range(2):
        known = tokens(5 + number) * 8
        player.play([prompt(number, known, _LONGER)])
    able = model.memory
    near = _NEAR if able.rolls_back else _NEAR[-1:]
    for epsilon in near if able.takes_back and able.branches else ():
        path = write_model(
            folder, model.architecture, name="draft", **dict.fromkeys(_NORMS, epsilon)
        )
        draft = DraftModel(LlamaModel(path), model, _CONTEXT, 1)
        player = Player(_engine(model, guesses=Guesses(draft)), tried)
        known = [tokens(20 + number, seed=number) for number in range(3)]
        first, *_ = player.play([prompt(number, one, _LONGER) for number, one in enumerate(known)])
        whole = [*first.known, *first.made]
        player.play([prompt(3, whole, _LONGER), prompt(4, [*whole, 900], _LONGER)])
        ends = replace(_LONGER, stop_tokens=(first.made[_STOP],))
        (ended,) = player.play([prompt(5, known[0], ends)])
        player.play([prompt(6, [*ended.known, *ended.made, 900], _LONGER)])
    return tried


def preemption(model: LlamaModel, _folder: Path) -> Tried:
    """More texts than the cache has cells for."""
    tried = Tried()
    player = Player(LlamaEngine(model, 256, 4, 1, kv_cells=512), tried)
    player.play([prompt(number, tokens(200, seed=number)) for number in range(4)])
    return tried


def restart(model: LlamaModel, folder: Path) -> Tried:
    """More chats than there is room for, whose states leave the cache; then an engine of its own
    finds them on disk."""
    tried = Tried()
    chats = [tokens(60 + 7 * number, seed=number) for number in range(3)]
    for time in range(2):
        spill = SpillFolder(folder / "spilled", _STORE_BYTES, bytes(32), "zoo")
        store = StateStore(0 if time else _STORE_BYTES, spill)
        player = Player(LlamaEngine(model, 256, 1, 1, kv_cells=256, store=store), tried)
        for _ in range(2):
            for number, known in enumerate(chats):
                (text,) = player.play([prompt(number, known)])
                chats[number] = [*known, *text.made, *tokens(3, seed=number)]
        player.engine.put_away()
        spill.wait()
    return tried


TRIALS: Mapping[str, Callable[[LlamaModel, Path], Tried]] = {
    "plain": plain,
    "turns": turns,
    "eight": beginning,
    "cancel": cancelled,
    "n = 2": choices,
    "guesses": speculation,
    "preemption": preemption,
    "restart": restart,
}
"""Of models that write."""


def vectors_off(model: LlamaModel) -> float:
    """How far a model's vectors are from the mean of what llama.cpp has for each token, as a part
    of their length."""
    engine = (
        LlamaEngine(model, _CONTEXT, 1, 1)
        if model.can_generate
        else LlamaEncoder(model, _CONTEXT, 1)
    )
    texts = [tokens(length, seed=length) for length in (40, 3, 90)]
    off = 0.0
    for known, vector in zip(texts, engine.embed(texts, EmbedRequest.MEAN), strict=True):
        expected = state_vectors(model, known).mean(axis=0)
        distance = np.linalg.norm(expected - np.asarray(vector)) / np.linalg.norm(expected)
        off = max(off, float(distance))
    return off


def _engine(model: LlamaModel, guesses: Guesses | None = None) -> LlamaEngine:
    return LlamaEngine(model, _CONTEXT, _SLOTS, 1, kv_cells=_CELLS, guesses=guesses)
