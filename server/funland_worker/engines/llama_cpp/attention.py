"""How a model's keys and values are kept, and how attention is computed with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError

CacheType = LoadSettings.CacheType.ValueType

_BF16 = 30
"""`GGML_TYPE_BF16` in ggml.h."""
_GGML: Mapping[CacheType, int] = {
    LoadSettings.F32: lib.GGML_TYPE_F32,
    LoadSettings.F16: lib.GGML_TYPE_F16,
    LoadSettings.BF16: _BF16,
    LoadSettings.Q8_0: lib.GGML_TYPE_Q8_0,
    LoadSettings.Q5_1: lib.GGML_TYPE_Q5_1,
    LoadSettings.Q5_0: lib.GGML_TYPE_Q5_0,
    LoadSettings.Q4_1: lib.GGML_TYPE_Q4_1,
    LoadSettings.Q4_0: lib.GGML_TYPE_Q4_0,
}
_WHOLE = (LoadSettings.F32, LoadSettings.F16, LoadSettings.BF16)
_BLOCK = 32
"""How many numbers each of the other types keeps together."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What is chosen for all contexts of a model."""

    key_type: CacheType = LoadSettings.F16
    value_type: CacheType = LoadSettings.F16
    flash: bool | None = False
    """Whether it is computed in one pass; None: where the devices can."""

    @property
    def keeps_scores(self) -> bool:
        """Whether the scores of a pass take memory, rows x tokens of it."""
        return self.flash is False

    def apply(self, params: Any) -> None:
        """Fills in llama.cpp's `llama_context_params`."""
        params.type_k = _GGML[self.key_type]
        params.type_v = _GGML[self.value_type]
        params.flash_attn_type = {
            None: lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
            False: lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
            True: lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        }[self.flash]

    def resolved(self, *, flash: bool) -> Attention:
        """The same, after llama.cpp has found out what the devices can do."""
        return replace(self, flash=flash)

    def misfit(self, key_length: int, value_length: int) -> tuple[str, str] | None:
        """Why a head's keys or values, of so many numbers, can't be kept so, after the name of the
        setting; None if they can."""
        for field, kept_as, length in (
            ("key_type", self.key_type, key_length),
            ("value_type", self.value_type, value_length),
        ):
            if kept_as not in _WHOLE and length % _BLOCK:
                name = LoadSettings.CacheType.Name(kept_as)
                return field, (
                    f"{name} keeps {_BLOCK} numbers together, and this model's heads have {length}"
                )
        return None

    def check(self, key_length: int, value_length: int) -> None:
        """Checks that a head's keys and values, of so many numbers, can be kept so.

        Raises:
            EngineError: FIELD_INVALID.
        """
        if (misfit := self.misfit(key_length, value_length)) is not None:
            field, why = misfit
            raise invalid(field, f"{why}; ask for F16, BF16 or F32.")


def attention_of(settings: LoadSettings, *, on_cpu: bool) -> Attention:
    """What settings ask for. What they leave open: 16 bits; and attention in one pass on
    accelerators that can, and where the values are kept in blocks. On a CPU it takes twice as long
    for texts of 500 tokens, three times for 2,000.

    Raises:
        EngineError: FIELD_INVALID, if the values need what is switched off.
    """
    value_type = settings.value_type or LoadSettings.F16
    blocks = value_type not in _WHOLE
    flash = None if not on_cpu else False
    if settings.HasField("flash_attention"):
        flash = settings.flash_attention
        if blocks and not flash:
            raise invalid(
                "value_type",
                f"{LoadSettings.CacheType.Name(value_type)} needs flash attention: leave out"
                " settings.flash_attention or set it to true, or ask for F16, BF16 or F32.",
            )
    elif blocks:
        flash = True
    return Attention(settings.key_type or LoadSettings.F16, value_type, flash)


def invalid(field: str, message: str) -> EngineError:
    """What a setting of a load can't be, and what it can."""
    return EngineError(ErrorReason.FIELD_INVALID, message, field=f"settings.{field}")
