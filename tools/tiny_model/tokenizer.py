"""Trains the byte-level BPE tokenizer on a sample of the corpus."""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.tiny_model.chat import SPECIAL_TOKENS
from tools.tiny_model.corpus import sample_conversation

VOCABULARY = 4096

# The pre-tokenizer that llama.cpp knows as "qwen2": words with their leading space, single digits.
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

HAN_RUN = re.compile(r"[\u4e00-\u9fff]+")


def train(conversations: int, seed: int) -> Tokenizer:
    """A tokenizer that has seen `conversations` of the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(conversations, random.Random(seed)), trainer)
    return tokenizer


def _texts(conversations: int, rng: random.Random) -> Iterator[str]:
    for _ in range(conversations):
        for turn in sample_conversation(rng).turns:
            for text in (turn.user, turn.assistant):
                yield HAN_RUN.sub(lambda run: _cut(run.group(), rng), text)


def _cut(run: str, rng: random.Random) -> str:
    """Cuts Chinese into one- and two-character words.

    Chinese has no spaces, so a template's whole sentence would otherwise become one token.
    """
    words: list[str] = []
    while run:
        length = rng.choice((1, 2, 2))
        words.append(run[:length])
        run = run[length:]
    return "\n".join(words)


def main() -> None:
    """Writes `tokenizer.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "build")
    parser.add_argument("--conversations", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer = train(arguments.conversations, arguments.seed)
    tokenizer.save(str(arguments.out / "tokenizer.json"))
    print(f"{tokenizer.get_vocab_size()} tokens in {arguments.out / 'tokenizer.json'}")


if __name__ == "__main__":
    main()
