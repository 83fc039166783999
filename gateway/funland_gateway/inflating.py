"""Decompresses bodies, within a limit."""

from __future__ import annotations

import zlib

ENCODINGS = ("gzip", "deflate")
"""The values of `Content-Encoding` that are read."""

_METHOD = 0x0F
_DEFLATE = 8


class TooLargeError(Exception):
    """There is more in it than the limit."""


def inflate(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """What was compressed.

    `deflate` is taken with zlib's frame, as HTTP has it, and without, as some send it. Raises
    `TooLargeError`, or `ValueError` if `data` is not compressed so, not whole, or more than that.
    """
    if not data:
        return b""
    bare = encoding == "deflate" and data[0] & _METHOD != _DEFLATE
    bits = -zlib.MAX_WBITS if bare else zlib.MAX_WBITS + (16 if encoding == "gzip" else 0)
    stream = zlib.decompressobj(bits)
    try:
        inflated = stream.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"it is no {encoding}") from error
    if len(inflated) > max_bytes:
        raise TooLargeError
    if not stream.eof:
        raise ValueError(f"its {encoding} ends too early")
    if stream.unused_data:
        raise ValueError(f"more follows after the end of its {encoding}")
    return inflated
