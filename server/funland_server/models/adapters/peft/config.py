"""What PEFT's `adapter_config.json` says of an adapter:
https://huggingface.co/docs/peft/package_reference/lora"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Final, TypeVar, cast

import orjson

_MOST_RANK: Final = 4096
_PATTERN: Final = re.compile(r"\^?[\w.\\]+")
"""Names of modules, with or without dots: what PEFT takes for a regular expression may be one
that never ends."""
_BASES: Final = ("pissa", "olora", "corda", "loftq")
"""Ways to begin that change the model's own weights."""

_Number = TypeVar("_Number", int, float)


class PeftError(Exception):
    """Why a folder is no adapter that can be taken; reads on from `it`."""


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """How strongly an adapter counts."""

    rank: int
    alpha: float
    rank_stabilized: bool = False
    """Whether it is scaled by the root of the rank."""
    ranks: Mapping[str, int] | None = None
    """By patterns of modules."""
    alphas: Mapping[str, float] | None = None

    def scale(self, module: str) -> float:
        """What a module's product is multiplied by; `module` is its name in the model."""
        rank = _by_pattern(self.ranks, module, self.rank)
        alpha = _by_pattern(self.alphas, module, self.alpha)
        return alpha / (sqrt(rank) if self.rank_stabilized else rank)


def read_config(text: bytes) -> LoraConfig:
    """Reads and checks it.

    Raises:
        PeftError: It is no configuration of LoRA, or of more than can be kept.
    """
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise PeftError("its adapter_config.json is not JSON") from None
    if not isinstance(told, dict):
        raise PeftError("its adapter_config.json is not an object")
    values = cast("dict[str, Any]", told)
    if values.get("peft_type") != "LORA":
        raise PeftError(f"its peft_type is {str(values.get('peft_type'))[:40]!r}, not 'LORA'")
    _check_kept(values)
    return LoraConfig(
        rank=_rank(values.get("r"), "r"),
        alpha=_alpha(values.get("lora_alpha"), "lora_alpha"),
        rank_stabilized=values.get("use_rslora") is True,
        ranks={key: _rank(one, "rank_pattern") for key, one in _patterns(values, "rank_pattern")},
        alphas={
            key: _alpha(one, "alpha_pattern") for key, one in _patterns(values, "alpha_pattern")
        },
    )


def _check_kept(values: Mapping[str, Any]) -> None:
    """Refuses what a LoRA in GGUF has no place for."""
    if values.get("use_dora"):
        raise PeftError("it is a DoRA, whose magnitudes can't be kept")
    if values.get("bias", "none") != "none" or values.get("lora_bias"):
        raise PeftError("it changes biases, which can't be kept")
    for key in ("modules_to_save", "trainable_token_indices", "target_parameters"):
        if values.get(key):
            raise PeftError(f"it has {key}, which can't be kept")
    if values.get("fan_in_fan_out"):
        raise PeftError("it is of layers that lie the other way round (fan_in_fan_out)")
    if values.get("alora_invocation_tokens"):
        raise PeftError("it acts only after certain tokens, which Funland can't do")
    begun = values.get("init_lora_weights")
    if isinstance(begun, str) and begun.lower().startswith(_BASES):
        raise PeftError(
            f"it began as {begun[:40]!r}, which changes the model's own weights: have PEFT convert"
            " it to a LoRA of the model as it was"
        )


def _patterns(values: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    told: object = values.get(key) or {}
    if not isinstance(told, dict):
        raise PeftError(f"its {key} is not an object")
    patterns = cast("dict[str, Any]", told)
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise PeftError(f"its {key} has {pattern[:80]!r}, which is no name of modules")
    return list(patterns.items())


def _by_pattern(patterns: Mapping[str, _Number] | None, module: str, default: _Number) -> _Number:
    """As PEFT has it: the first that the module's name ends with."""
    for pattern, value in (patterns or {}).items():
        anchored, name = pattern.startswith("^"), pattern.removeprefix("^").replace("\\", "")
        if module == name or (not anchored and module.endswith(f".{name}")):
            return value
    return default


def _rank(value: object, key: str) -> int:
    if type(value) is not int or not 0 < value <= _MOST_RANK:
        raise PeftError(f"its {key} is {str(value)[:40]!r}, not a whole number above 0")
    return value


def _alpha(value: object, key: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise PeftError(f"its {key} is {str(value)[:40]!r}, not a number")
    return float(value)
