"""Estimates the memory that a model will take, before anything is loaded.

Measured with llama.cpp on CPU for models of 95 to 350 MB, the parts are: the weights, as large as
their file; the cache, to the byte when it is full; the buffers of a pass, mostly the scores of its
tokens over those of the longest text, and half as much again where these are copied; and the
processes: a worker's before it has a model, 22 MiB for that of its template and 25 for that of
forms.
"""

from __future__ import annotations

from funland.v1.models_pb2 import Footprint, LoadSettings, Model
from funland_server.devices.fitting import Parts
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.contexts import (
    context_bytes,
    device_compute,
    kept_bytes,
    tokens_of,
)
from funland_server.models.loading.lengths import context_length
from funland_server.models.loading.sizes import Sizes
from funland_server.models.loading.states import states_each

_MOST = 2**60
"""What the contract can hold of several together, whatever a file claims."""
_PROCESS_BYTES = 160 * 1024**2
_GROWTH = 1.5
_PLANS_BYTES = 1024**3
"""What llama.cpp sets aside for the plans of its passes and hardly touches, with one context that
writes and one that embeds: 20 KB for each of up to 80 steps a token of a pass."""
_DRAFT_TEXTS, _DRAFT_LONGEST = 4, 8192
"""How many texts a draft model guesses, and the tokens of each that it has room for."""


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
            cache, compute = context_bytes(each, own, max_context_length)
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
        cache, compute = context_bytes(draft, own, max_context_length)
        held = draft.weights_bytes + cache
        host_guessing = min(held + compute, _MOST)
        in_passes = device_compute(draft, own, tokens_of(draft, own, max_context_length))
        guessing = min(held + in_passes, _MOST)
    tokens = tokens_of(model, settings, max_context_length)
    kept = tokens.held * states_each(settings)
    states = model.layer_state_bytes or (0,) * len(model.layer_bytes)
    layers = [
        min(weights + kept_bytes(cache, model, settings, tokens) + kept * state, _MOST)
        for weights, cache, state in zip(
            model.layer_bytes, model.layer_cache_bytes, states, strict=True
        )
    ]
    if layers:
        layers[0] += guessing
    return Parts(
        whole=alone.weights_bytes + alone.cache_bytes,
        compute=min(device_compute(model, settings, tokens), _MOST),
        host_compute=alone.compute_bytes,
        host=alone.process_bytes,
        # The output's layer is the first to be on a device, and there the projector is then.
        layers=(*layers, model.output_bytes + model.projector_bytes) if layers else (),
        tied=model.ties_output,
        draft=guessing,
        host_draft=host_guessing,
    )


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
