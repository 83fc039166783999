"""How weights are quantized, by the names of their files."""

from __future__ import annotations

import re
from typing import Final

_EDGE: Final = r"(?:^|[^A-Za-z0-9])"
_NAMED: Final = re.compile(
    _EDGE + r"((?:UD-)?(?:"
    r"I?Q[1-8]_(?:K(?:_(?:XXS|XS|XL|S|M|L|P))?|XXS|XS|NL|S|M|L|[01](?:_[0-9]{1,2}_[0-9]{1,2})?)"
    r"|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|INT[48]|BF16|FP?16|FP?32)"
    r")(?=$|[^A-Za-z0-9])",
    re.IGNORECASE,
)
_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}$")


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
