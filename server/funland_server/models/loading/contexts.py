"""Estimates what llama.cpp's context of a model takes: what it keeps of texts, and its passes.

A pass has some rows of an embedding's length, the scores of its tokens over those of the longest
text, and what layers lay out anew. Compared with what llama.cpp tells of each architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from funland.v1.models_pb2 import LoadSettings
from funland_server.models.loading.lengths import cache_tokens, context_length
from funland_server.models.loading.sizes import Sizes
from funland_server.models.loading.states import states_each, texts_held

_PASS_TOKENS, _LONG_PASS_TOKENS = 512, 128
_LONG = 2048
"""Longer texts are computed in shorter passes."""
_VALUE_BYTES: Final = 4
_ROW_VALUES = 16
"""How many rows of an embedding's length a pass has at once for each of its tokens."""
_HALF: Final = 16.0
_WHOLE = (LoadSettings.F32, LoadSettings.F16, LoadSettings.BF16)
_HALF_BYTES: Final = 2
_CACHE_BITS: Final[Mapping[LoadSettings.CacheType.ValueType, float]] = {
    LoadSettings.F32: 32, LoadSettings.F16: _HALF, LoadSettings.BF16: _HALF,
    LoadSettings.Q8_0: 8.5, LoadSettings.Q5_1: 6, LoadSettings.Q5_0: 5.5,
    LoadSettings.Q4_1: 5, LoadSettings.Q4_0: 4.5,
}  # fmt: skip
"""What a number of the cache takes, blocks' scales included."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """How many the cache holds, a text sees of it, and a pass computes."""

    cells: int
    longest: int
    computed: int
    held: int
    """How many texts have memory of their own."""


def tokens_of(model: Sizes, settings: LoadSettings, max_context_length: int) -> Tokens:
    """Those of a load."""
    context = context_length(model.context_length, settings, max_context_length)
    if model.cache.whole_texts:
        return Tokens(0, context, context, 0)
    cells = cache_tokens(settings, context) if model.writes_text else context
    unified = settings.cache == LoadSettings.UNIFIED or model.cache.unified
    longest = cells if unified else context
    short = longest > _LONG and not _in_one_pass(settings)
    computed = _LONG_PASS_TOKENS if short else _PASS_TOKENS
    return Tokens(cells, longest, computed, held_texts(model, settings, max_context_length))


def context_bytes(model: Sizes, settings: LoadSettings, max_context_length: int) -> tuple[int, int]:
    """What the cache takes, and what the buffers of a pass do."""
    if model.working_bytes:
        return 0, model.working_bytes
    tokens = tokens_of(model, settings, max_context_length)
    cache = kept_bytes(model.cache_bytes_per_token, model, settings, tokens)
    cache += tokens.held * states_each(settings) * model.state_bytes
    heads, mask = (0, _HALF_BYTES) if _in_one_pass(settings) else (model.heads, _VALUE_BYTES)
    if model.cache.whole_texts:  # in one pass, whatever a load asks for
        heads, mask = 0, _HALF_BYTES
    passes = _passes(model, settings, tokens, heads, mask)
    return cache, passes + copied_scores(model, settings, tokens)


def copied_scores(model: Sizes, settings: LoadSettings, tokens: Tokens) -> int:
    """What the CPU takes beside the buffers of a pass for the scores of heads: before values of 16
    bits are added up by them, it makes such floats of them too."""
    if model.states_alone or model.cache.whole_texts or _in_one_pass(settings):
        return 0
    if settings.value_type == LoadSettings.F32:
        return 0
    return tokens.computed * tokens.longest * model.heads * _HALF_BYTES


def kept_bytes(bytes_per_token: int, model: Sizes, settings: LoadSettings, tokens: Tokens) -> int:
    """What keys and values take that take so much of a token."""
    whole = tokens.held if model.cache.each_whole else 1
    return whole * int(_cache_scale(settings) * tokens.cells * bytes_per_token)


def _passes(model: Sizes, settings: LoadSettings, tokens: Tokens, heads: int, mask: int) -> int:
    """What the buffers of a pass take in which so many heads keep their scores, and each number of
    a mask takes so many bytes. Layers follow each other in the same buffer, so of scores,
    the vocabulary's too, states and what is gathered the largest counts."""
    facts = model.cache
    seen = 0 if model.states_alone else tokens.longest
    row = model.embedding_length * _ROW_VALUES * _VALUE_BYTES + seen * facts.masks * mask
    states = tokens.held * states_each(settings) * facts.state_copies
    state = states * max(model.layer_state_bytes, default=0)
    gathered = tokens.held * tokens.cells * facts.gathered_values * _VALUE_BYTES
    # Those of the tokens after which a text goes on: in the buffer, and beside it.
    written = settings.slots if model.writes_text else 0
    vocabulary = written * model.vocabulary_size * _VALUE_BYTES
    layer = max(tokens.computed * seen * heads * _VALUE_BYTES, state, gathered, vocabulary)
    copied = tokens.cells * facts.copied_values * _HALF_BYTES
    return tokens.computed * row + layer + copied + vocabulary


def device_compute(model: Sizes, settings: LoadSettings, tokens: Tokens) -> int:
    """What the buffers of a pass take on an accelerator: the tokens' scores of the vocabulary too,
    and all scores of attention only where it is not computed in one pass."""
    if model.working_bytes:
        return model.working_bytes
    if model.cache.whole_texts:
        return _passes(model, settings, tokens, 0, _VALUE_BYTES)
    heads = 0
    if settings.HasField("flash_attention") and not settings.flash_attention:
        heads = model.heads
    passes = _passes(model, settings, replace(tokens, computed=_PASS_TOKENS), heads, _VALUE_BYTES)
    return passes + _PASS_TOKENS * model.vocabulary_size * _VALUE_BYTES


def own_bytes(model: Sizes, settings: LoadSettings, max_context_length: int) -> int:
    """What each text that may be held takes from the start, used or not, in the cache or in the
    buffers of a pass; 0 if that is nothing."""
    context = context_length(model.context_length, settings, max_context_length)
    each = model.state_bytes * states_each(settings)
    tokens = cache_tokens(settings, context)
    if model.cache.each_whole:
        each += int(_cache_scale(settings) * tokens * model.cache_bytes_per_token)
    return each + _VALUE_BYTES * tokens * model.cache.gathered_values


def held_texts(model: Sizes, settings: LoadSettings, max_context_length: int) -> int:
    """How many texts a model has room for of which each takes memory of its own, as those with
    states do; 0 of others, whose room is tokens."""
    each = own_bytes(model, settings, max_context_length)
    return texts_held(settings.slots, each, model.weights_bytes) if each else 0


def _in_one_pass(settings: LoadSettings) -> bool:
    """Whether the CPU computes attention so, and keeps no scores."""
    if settings.HasField("flash_attention"):
        return settings.flash_attention
    return bool(settings.value_type) and settings.value_type not in _WHOLE


def _cache_scale(settings: LoadSettings) -> float:
    """What keys and values take beside numbers of 16 bits."""
    kinds = (settings.key_type, settings.value_type)
    return sum(_CACHE_BITS.get(kind, _HALF) for kind in kinds) / (len(kinds) * _HALF)
