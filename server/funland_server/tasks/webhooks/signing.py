"""Signs what webhooks are sent, as the specification Standard Webhooks says: no I/O, no clock.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

_PREFIX: Final = "whsec_"
_LENGTHS: Final = range(24, 65)


def key_of(secret: str) -> bytes | None:
    """The bytes that a secret stands for; None: it is none."""
    if not secret.startswith(_PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:  # not base64, or not even ASCII
        return None
    return key if len(key) in _LENGTHS else None


def signed(key: bytes, message_id: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """The headers of a message. Receivers know one that comes again by its id, and refuse one whose
    time, in seconds since 1970, is not about theirs."""
    said = b".".join((message_id.encode(), str(seconds).encode(), body))
    signature = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
