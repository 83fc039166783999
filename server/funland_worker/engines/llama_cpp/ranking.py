"""Scores how well documents answer a query, with a model that has a ranking head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.reading import TextReader
from funland_worker.engines.llama_cpp.vocabulary import GgufVocabulary

_PLACES = re.compile(r"\{(?:query|document)\}")


class Ranker:
    """Reads a query and a document together, several pairs in a pass."""

    def __init__(self, model: LlamaModel, context_length: int, threads: int) -> None:
        """Makes a context of its own; raises as `TextReader`."""
        rank = lib.LLAMA_POOLING_TYPE_RANK
        self._reader = TextReader(model, rank, context_length, threads)

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """The first output of the ranking head for each pair; see `pair_tokens`.

        Raises:
            EngineError: MODEL_LOAD_FAILED, if the memory does not suffice for the longest.
        """
        scores = [0.0] * len(pairs)
        for parts in self._reader.read(pairs):
            for part in parts:
                if part.stop == len(pairs[part.text]):
                    outputs: Any = lib.llama_get_embeddings_seq(self._reader.context, part.sequence)
                    scores[part.text] = float(outputs[0])
        return scores


def pair_tokens(model: LlamaModel, query: str, document: str) -> list[int]:
    """Query and document as the model reads them together.

    A model that was made for chat has a template for it, as Qwen3's rerankers do. Any other reads
    `[CLS] query [SEP] document [SEP]`, or `<s> query </s></s> document </s>`: the marks that a text
    of its own begins and ends with, and one more between the two if the file asks for it.
    """
    if model.rank_template is not None:
        return _filled_in(model.vocabulary, model.rank_template, query, document)
    vocabulary = model.vocabulary
    begun = vocabulary.tokenize(query, add_special=True, parse_special=False)
    answer = vocabulary.tokenize(document, add_special=False, parse_special=False)
    end = _end_marks(vocabulary)
    # A file that does not say whether its texts have an end mark leaves it to the kind of the
    # vocabulary, and then the one more mark is that end mark itself.
    between = vocabulary.separator if vocabulary.adds_end_mark or not end else []
    return [*begun, *between, *answer, *end]


def _end_marks(vocabulary: GgufVocabulary) -> list[int]:
    """What the model wants after a text."""
    word = vocabulary.tokenize("a", add_special=False, parse_special=False)
    marked = vocabulary.tokenize("a", add_special=True, parse_special=False)
    while marked and marked[: len(word)] != word:
        marked = marked[1:]
    return marked[len(word) :]


def _filled_in(vocabulary: GgufVocabulary, template: str, query: str, document: str) -> list[int]:
    """The template's tokens with query and document in it. Its marks are control tokens; what
    looks like one in the texts is text."""
    values = {"{query}": query, "{document}": document}
    marks = {
        vocabulary.piece(token).decode(errors="replace")
        for token in vocabulary.tokenize(template, add_special=False, parse_special=True)
        if vocabulary.is_control(token)
    }
    pieces = (
        re.split("(" + "|".join(map(re.escape, marks)) + ")", template) if marks else [template]
    )
    tokens: list[int] = []
    for piece in pieces:
        text = _PLACES.sub(lambda place: values[place[0]], piece)
        tokens += vocabulary.tokenize(text, add_special=False, parse_special=piece in marks)
    return tokens
