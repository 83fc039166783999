"""Chooses how a model's keys and values are kept and its attention computed: as it was asked for,
if llama.cpp can, or an error that says what to ask for instead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.attention import (
    Attention,
    CacheType,
    attention_of,
    invalid,
)
from funland_worker.engines.llama_cpp.trial import Told
from funland_worker.engines.protocol import EngineError

logger = logging.getLogger(__name__)

_USUAL = (LoadSettings.CACHE_TYPE_UNSPECIFIED, LoadSettings.F16)

Attempt = Callable[[Attention], Told | str]
"""Tries one, whose `flash` is not None: what is then so, or why llama.cpp can't."""


@dataclass(frozen=True, slots=True)
class _Fault:
    of_flash: bool
    """Whether it is that attention is computed in one pass, and not the types."""
    why: str


def choose(
    settings: LoadSettings, unasked: CacheType, *, on_cpu: bool, attempt: Attempt
) -> Attention:
    """What settings ask for. If they name no types they are `unasked`, or else 16 bits; whether
    attention is computed in one pass is llama.cpp's choice on accelerators, and on the CPU it is
    only if values are kept in blocks.

    What llama.cpp does with every model is not tried.

    Raises:
        EngineError: FIELD_INVALID, for what can't be computed so.
    """
    if unasked not in _USUAL and not (settings.key_type or settings.value_type):
        told = LoadSettings(key_type=unasked, value_type=unasked)
        told.MergeFrom(settings)
        try:
            return _demand(told, on_cpu, attempt)
        except EngineError as error:
            logger.warning("Keys and values are F16: %s", error.message)
    return _demand(settings, on_cpu, attempt)


def _demand(settings: LoadSettings, on_cpu: bool, attempt: Attempt) -> Attention:
    wanted = attention_of(settings, on_cpu=on_cpu)
    found = _possible(wanted, attempt)
    if isinstance(found, Attention):
        return found
    if found.of_flash and settings.HasField("flash_attention"):
        raise invalid(
            "flash_attention",
            f"the model's attention can't be computed in one pass: {found.why}; leave it out or"
            " set it to false.",
        )
    keys = not found.of_flash and wanted.key_type != LoadSettings.F16
    name = LoadSettings.CacheType.Name(wanted.key_type if keys else wanted.value_type)
    needs = " needs flash attention, and" if found.of_flash else ":"
    raise invalid(
        "key_type" if keys else "value_type",
        f"{name}{needs} {found.why}; ask for F16, and the same for keys and values.",
    )


def _possible(wanted: Attention, attempt: Attempt) -> Attention | _Fault:
    """The same with `flash` as the model has it, or what is in the way."""
    if wanted == Attention():
        return wanted
    types = (wanted.key_type, wanted.value_type) != (LoadSettings.F16, LoadSettings.F16)
    tried = wanted if wanted.flash is not None else replace(wanted, flash=True)
    told = attempt(tried)
    if isinstance(told, Told):
        if types and not told.keeps:
            return _Fault(False, "the model keeps no keys and values of a text")
        if told.flash or not tried.flash:
            return wanted
        told = "llama.cpp does not do that for its architecture"
    if wanted.flash is None:
        return _possible(replace(wanted, flash=False), attempt)
    alone = Attention(flash=True)
    of_flash = tried.flash and (not types or _fails(attempt(alone)))
    return _Fault(bool(of_flash), told)


def _fails(told: Told | str) -> bool:
    return isinstance(told, str) or not told.flash
