"""How long a sound is, in the headers of formats that a stream writes before that is known."""

from __future__ import annotations

import struct
from typing import Final

_UNKNOWN: Final = b"\xff\xff\xff\xff"
_RIFF, _DATA = 4, 40
"""Where WAV's header of 44 bytes has the two lengths."""
HEAD_BYTES: Final = 44
"""How many bytes of a sound are enough: WAV's whole header, and what counts in FLAC's."""
_FLAC_COUNT: Final = 21
"""Where FLAC's first block has the 36 bits that count the samples, behind four bits of others."""
_FLAC_HEADER: Final = 42
_FLAC_BITS: Final = 36


def write_length(sound: bytearray, samples: int) -> None:
    """Writes into a whole sound how many samples of one channel it has, if it is WAV or FLAC and
    does not say."""
    head = bytes(sound[:HEAD_BYTES])
    sound[: len(head)] = with_length(head, len(sound), samples)


def with_length(head: bytes, size: int, samples: int) -> bytes:
    """The first `HEAD_BYTES` of a whole sound of `size` bytes with how many samples of one channel
    it has, if it is WAV or FLAC and does not say. WAV of 4 GiB and more has no number for that."""
    if head.startswith(b"RIFF") and head[36:40] == b"data" and len(head) == HEAD_BYTES:
        open_ = all(head[at : at + 4] == _UNKNOWN for at in (_RIFF, _DATA))
        if open_ and size - 8 < int.from_bytes(_UNKNOWN):
            riff, data = struct.pack("<I", size - 8), struct.pack("<I", size - HEAD_BYTES)
            return head[:_RIFF] + riff + head[_RIFF + 4 : _DATA] + data
    elif head.startswith(b"fLaC") and len(head) >= _FLAC_HEADER:
        field = int.from_bytes(head[_FLAC_COUNT : _FLAC_COUNT + 5], "big")
        if field % 2**_FLAC_BITS == 0:
            counted = field + samples % 2**_FLAC_BITS
            return head[:_FLAC_COUNT] + counted.to_bytes(5, "big") + head[_FLAC_COUNT + 5 :]
    return head
