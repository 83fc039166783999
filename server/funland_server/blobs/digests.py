"""What a SHA-256 looks like, wherever one enters."""

from __future__ import annotations

import re
from typing import Final

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Whether it is 64 hexadecimal digits in lower case, and nothing else."""
    return _SHA256.fullmatch(text) is not None
