"""Names of quantizations: where files tell them, and what they mean for size and quality."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Worth(IntEnum):
    """What a quantization is worth to who names none, the best first."""

    GOOD = 0
    """From Q8_0, of which nobody could measure a loss, down to some three bits a weight."""
    WASTEFUL = 1
    """Larger than Q8_0, and no better for it."""
    POOR = 2
    """Below three bits: better than no model, worse than a smaller one that is whole."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """A quantization that is known by its name."""

    worth: Worth
    rank: int
    """Less is better, among all that are known."""
    bits: float
    """Of a weight, on average."""


# The best first. Bits as llama.cpp's own table tells them for Llama 3.1 8B.
_WASTEFUL: Final = {"Q8_K_XL": 10.5, "BF16": 16.0, "F16": 16.0, "F32": 32.0}
_GOOD: Final = {
    "Q8_0": 8.5, "INT8": 8.5, "Q8_1": 9.0, "Q6_K_XL": 7.1, "Q6_K_L": 6.7, "Q6_K": 6.6,
    "Q5_K_XL": 5.8, "Q5_K_L": 5.75, "Q5_K_M": 5.7, "Q5_K_S": 5.6, "Q5_1": 6.1, "Q5_0": 5.6,
    "Q4_K_XL": 5.0, "Q4_K_L": 5.0, "Q4_K_M": 4.9, "Q4_K_S": 4.7, "IQ4_NL": 4.7, "IQ4_XS": 4.5,
    "MXFP4": 4.3, "NVFP4": 4.6, "Q4_1": 5.2, "Q4_0": 4.7, "INT4": 4.7, "Q3_K_XL": 4.4,
    "Q3_K_L": 4.3, "Q3_K_M": 4.0, "IQ3_M": 3.8, "IQ3_S": 3.7, "Q3_K_S": 3.7, "IQ3_XS": 3.5,
    "IQ3_XXS": 3.3,
}  # fmt: skip
_POOR: Final = {
    "Q2_K_XL": 3.3, "Q2_K_L": 3.3, "Q2_K": 3.2, "IQ2_M": 3.0, "Q2_K_S": 3.0, "IQ2_S": 2.7,
    "IQ2_XS": 2.6, "IQ2_XXS": 2.4, "TQ2_0": 2.1, "TQ1_0": 1.7, "IQ1_M": 2.1, "IQ1_S": 2.0,
    "Q1_0": 1.5,
}  # fmt: skip
_SYNONYMS: Final = {
    "FP32": "F32", "FLOAT32": "F32", "FP16": "F16", "FLOAT16": "F16", "BFLOAT16": "BF16",
    "INT8_FLOAT32": "INT8", "INT8_FLOAT16": "INT8", "INT8_BFLOAT16": "INT8", "Q4_K": "Q4_K_M",
    "Q5_K": "Q5_K_M", "Q3_K": "Q3_K_M", "MXFP4_MOE": "MXFP4",
}  # fmt: skip

_KNOWN: Final = {
    name: Quantization(worth, rank, bits)
    for rank, (worth, name, bits) in enumerate(
        (worth, name, bits)
        for worth, names in ((Worth.GOOD, _GOOD), (Worth.WASTEFUL, _WASTEFUL), (Worth.POOR, _POOR))
        for name, bits in names.items()
    )
}

_EDGE: Final = r"(?:^|[^A-Za-z0-9])"
_NAMED: Final = re.compile(
    _EDGE + r"((?:UD-)?(?:"
    r"I?Q[1-8]_(?:K(?:_(?:XXS|XS|XL|S|M|L|P))?|XXS|XS|NL|S|M|L|[01](?:_[0-9]{1,2}_[0-9]{1,2})?)"
    r"|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|INT[48]|BF16|FP?16|FP?32)"
    r")(?=$|[^A-Za-z0-9])",
    re.IGNORECASE,
)
_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}$")
_REARRANGED: Final = re.compile(r"Q4_0_\d+_\d+")


def quantization(name: str) -> Quantization | None:
    """What is known of a quantization, in whatever case it is written; None: nothing."""
    plain = name.upper().removeprefix("UD-")  # unsloth's mark of a quantization by layers
    return _KNOWN.get(_SYNONYMS.get(plain, plain))


def is_outdated(name: str) -> bool:
    """Whether llama.cpp read such weights once and does not any more."""
    return _REARRANGED.fullmatch(name.upper()) is not None


def quantization_of(path: str) -> tuple[str, str]:
    """The quantization that a file's name tells, else its folder's: as publishers write it
    (`UD-Q4_K_XL`), and by llama.cpp's name (`Q4_K_XL`). Empty if none does."""
    folder, _, name = path.rpartition("/")
    for told in (_SHARD.sub("", name.rpartition(".")[0]), folder.rpartition("/")[2]):
        found = [match[1].upper() for match in _NAMED.finditer(told)]
        if found:  # the last: `model-f16-Q4_K_M` was made of 16 bits
            label = found[-1].replace("FP", "F") if found[-1].startswith("FP") else found[-1]
            return label, label.removeprefix("UD-")
    return "", ""
