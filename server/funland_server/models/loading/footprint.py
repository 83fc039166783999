"""Estimates the memory that a model will take, before anything is loaded.

Measured with llama.cpp on CPU for models of 6, 70 and 506 MB, the parts are: the weights, as large
as their file; the cache, to the byte when it is full; the buffers of a pass, mostly the scores of
its tokens over those of the longest text; a process that holds 115 MB before it has a model, and 20
for that of its template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from funland.v1.models_pb2 import Footprint, LoadSettings, Model
from funland_server.devices.fitting import Parts
from funland_server.models.formats.header import ModelHeader, PictureFacts, ProjectorFacts
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.lengths import cache_tokens, context_length
from funland_server.models.loading.states import states_each, texts_held

_PASS_TOKENS, _LONG_PASS_TOKENS = 512, 128
_LONG = 2048
"""Longer texts are computed in shorter passes."""
_VALUE_BYTES = 4
_ROW_VALUES = 16
"""How many rows of an embedding's length a pass has at once for each of its tokens."""
_HEAD_LENGTH = 64
"""At least; so there are at most so many heads as it goes into an embedding."""
_MOST = 2**60
"""What the contract can hold of several together, whatever a file claims."""
_PROCESS_BYTES = 160 * 1024**2
_GROWTH = 1.5
_PLANS_BYTES = 1024**3
"""What llama.cpp sets aside for the plans of its passes and hardly touches, with one context that
writes and one that embeds: 20 KB for each of up to 80 steps a token of a pass."""
_DRAFT_TEXTS, _DRAFT_LONGEST = 4, 8192
"""How many texts a draft model guesses, and the tokens of each that it has room for."""
_HALF: Final = 16.0
_PIXEL_BYTES = 3072
"""What the widest layers of a decoder of pictures hold for each pixel at once: 256 numbers, three
times. Those of the network that paints are smaller."""
_PICTURES_BYTES = 64 * 1024**2
"""What a model that paints takes however small it is: its networks as they are compiled."""
_SHOWN_BYTES: Final = 96 * 1024**2
"""What a worker keeps of pictures and sounds, and what it decodes them with."""
_CACHE_BITS: Final[Mapping[LoadSettings.CacheType.ValueType, float]] = {
    LoadSettings.F32: 32, LoadSettings.F16: _HALF, LoadSettings.BF16: _HALF,
    LoadSettings.Q8_0: 8.5, LoadSettings.Q5_1: 6, LoadSettings.Q5_0: 5.5,
    LoadSettings.Q4_1: 5, LoadSettings.Q4_0: 4.5,
}  # fmt: skip
"""What a number of the cache takes, blocks' scales included."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the memory of a model depends on. Numbers are 0 where nothing is known."""

    weights_bytes: int
    cache_bytes_per_token: int
    embedding_length: int
    context_length: int
    """What it was trained for, in tokens."""
    layer_bytes: tuple[int, ...] = ()
    """The weights of each layer; empty where a model can't be parted."""
    layer_cache_bytes: tuple[int, ...] = ()
    """The part of `cache_bytes_per_token` of each."""
    state_bytes: int = 0
    """What a text's states take beside keys and values."""
    layer_state_bytes: tuple[int, ...] = ()
    """The part of `state_bytes` of each layer."""
    output_bytes: int = 0
    ties_output: bool = False
    vocabulary_size: int = 0
    working_bytes: int = 0
    """What stands in the place of cache and passes; 0: they are computed."""
    projector_bytes: int = 0
    """What shows the model pictures and sounds, with what it works with."""


def sizes(model: InstalledModel, header: ModelHeader | None = None) -> Sizes:
    """Those of an installed model; `header` is what its files say, if it was read anew."""
    header = header or model.header
    return Sizes(
        weights_bytes=model.fingerprint.size_bytes,
        cache_bytes_per_token=header.cache_bytes_per_token,
        embedding_length=header.embedding_length,
        context_length=header.context_length,
        layer_bytes=header.layer_bytes,
        layer_cache_bytes=header.layer_cache_bytes,
        state_bytes=header.state_bytes or 0,
        layer_state_bytes=header.layer_state_bytes,
        output_bytes=header.output_bytes,
        ties_output=header.ties_output,
        vocabulary_size=header.vocabulary_size,
        working_bytes=header.working_bytes or _picture_bytes(header.picture),
        projector_bytes=_projector_bytes(header.projector),
    )


def footprint(
    model: Sizes, settings: LoadSettings, max_context_length: int, draft: Sizes | None = None
) -> Footprint:
    """What the process of a model will take, a draft model beside it included."""
    parts = Footprint(
        process_bytes=_PROCESS_BYTES,
        context_length=(
            0
            if model.working_bytes
            else context_length(model.context_length, settings, max_context_length)
        ),
    )
    for each, own in ((model, settings), (draft, _draft_settings(draft, parts.context_length))):
        if each is not None:
            cache, compute = _context_bytes(each, own, max_context_length)
            parts.weights_bytes += min(each.weights_bytes + each.projector_bytes, _MOST)
            parts.cache_bytes += min(cache, _MOST)
            parts.compute_bytes += min(compute, _MOST)
    parts.total_bytes = (
        parts.weights_bytes + parts.cache_bytes + parts.compute_bytes + parts.process_bytes
    )
    return parts


def parts(
    model: Sizes, settings: LoadSettings, max_context_length: int, draft: Sizes | None = None
) -> Parts:
    """What a model takes, parted as accelerators can hold it. A draft model is on devices if all of
    the model is, so it counts with the layer that gets there last."""
    alone = footprint(model, settings, max_context_length)
    guessing = host_guessing = 0
    if draft is not None:
        own = _draft_settings(draft, alone.context_length)
        cache, compute = _context_bytes(draft, own, max_context_length)
        held = draft.weights_bytes + cache
        host_guessing = min(held + compute, _MOST)
        in_passes = _device_compute(draft, own, _tokens(draft, own, max_context_length))
        guessing = min(held + in_passes, _MOST)
    tokens = _tokens(model, settings, max_context_length)
    scale = _cache_scale(settings)
    kept = held_texts(model, settings) * states_each(settings)
    states = model.layer_state_bytes or (0,) * len(model.layer_bytes)
    layers = [
        min(weights + int(scale * tokens.cells * cache) + kept * state, _MOST)
        for weights, cache, state in zip(
            model.layer_bytes, model.layer_cache_bytes, states, strict=True
        )
    ]
    if layers:
        layers[0] += guessing
    return Parts(
        whole=alone.weights_bytes + alone.cache_bytes,
        compute=min(_device_compute(model, settings, tokens), _MOST),
        host_compute=alone.compute_bytes,
        host=alone.process_bytes,
        # The output's layer is the first to be on a device, and there the projector is then.
        layers=(*layers, model.output_bytes + model.projector_bytes) if layers else (),
        tied=model.ties_output,
        draft=guessing,
        host_draft=host_guessing,
    )


def held_texts(model: Sizes, settings: LoadSettings) -> int:
    """How many texts a model with states has room for; 0 of others, whose room is tokens."""
    if not model.state_bytes:
        return 0
    each = model.state_bytes * states_each(settings)
    return texts_held(settings.slots, each, model.weights_bytes)


def memory_limit_bytes(
    model: InstalledModel, settings: LoadSettings, needed: int, prefixes: int
) -> int:
    """The most that the process may take; 0: no limit. `prefixes` is what it may keep of texts that
    left its cache. Unasked, only llama.cpp on the CPU gets one: drivers and other engines reserve
    address space as they please."""
    if settings.HasField("memory_limit_bytes"):
        return settings.memory_limit_bytes
    ours = (LoadSettings.ENGINE_UNSPECIFIED, LoadSettings.LLAMA_CPP)
    others = model.format != Model.GGUF or settings.engine not in ours
    if others or settings.device not in ("", "CPU"):
        return 0
    # A mapped file stays so when its weights are copied into an order that the CPU likes better.
    return int(_GROWTH * needed) + model.fingerprint.size_bytes + prefixes + _PLANS_BYTES


def _draft_settings(draft: Sizes | None, context_length: int) -> LoadSettings:
    """How a draft model is run, whatever the settings of the model that it guesses for."""
    trained = draft.context_length if draft is not None else 0
    longest = min(context_length, trained or _DRAFT_LONGEST, _DRAFT_LONGEST)
    return LoadSettings(slots=_DRAFT_TEXTS, context_length=longest, cache=LoadSettings.STREAMS)


@dataclass(frozen=True, slots=True)
class _Tokens:
    """How many the cache holds, a text has, and a pass computes."""

    cells: int
    longest: int
    computed: int


def _tokens(model: Sizes, settings: LoadSettings, max_context_length: int) -> _Tokens:
    context = context_length(model.context_length, settings, max_context_length)
    cells = cache_tokens(settings, context)
    longest = cells if settings.cache == LoadSettings.UNIFIED else context
    return _Tokens(cells, longest, _PASS_TOKENS if longest <= _LONG else _LONG_PASS_TOKENS)


def _context_bytes(
    model: Sizes, settings: LoadSettings, max_context_length: int
) -> tuple[int, int]:
    """What the cache takes, and what the buffers of a pass do."""
    if model.working_bytes:
        return 0, model.working_bytes
    tokens = _tokens(model, settings, max_context_length)
    heads = model.embedding_length // _HEAD_LENGTH
    row = model.embedding_length * _ROW_VALUES + tokens.longest * (heads + 1)
    cache = int(_cache_scale(settings) * tokens.cells * model.cache_bytes_per_token)
    cache += held_texts(model, settings) * states_each(settings) * model.state_bytes
    return cache, tokens.computed * row * _VALUE_BYTES


def _device_compute(model: Sizes, settings: LoadSettings, tokens: _Tokens) -> int:
    """What the buffers of a pass take on an accelerator: the tokens' scores of the vocabulary too,
    and all scores of attention only where it is not computed in one pass."""
    if model.working_bytes:
        return model.working_bytes
    heads = 0
    if settings.HasField("flash_attention") and not settings.flash_attention:
        heads = model.embedding_length // _HEAD_LENGTH
    row = model.embedding_length * _ROW_VALUES + tokens.longest * (heads + 1)
    return _PASS_TOKENS * (row + model.vocabulary_size) * _VALUE_BYTES


def _picture_bytes(picture: PictureFacts | None) -> int:
    """What a model that paints takes beside its weights, for a picture of its own size."""
    if picture is None:
        return 0
    return _PICTURES_BYTES + picture.width * picture.height * _PIXEL_BYTES


def _projector_bytes(projector: ProjectorFacts | None) -> int:
    """What a projector takes: its weights, half of that for its passes, and what was shown
    lately."""
    if projector is None:
        return 0
    return projector.size_bytes + projector.size_bytes // 2 + _SHOWN_BYTES


def _cache_scale(settings: LoadSettings) -> float:
    """What keys and values take beside numbers of 16 bits."""
    kinds = (settings.key_type, settings.value_type)
    return sum(_CACHE_BITS.get(kind, _HALF) for kind in kinds) / (len(kinds) * _HALF)
