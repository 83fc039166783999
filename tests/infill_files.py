"""The embedded model with marks for a text that has a gap, which it has none of itself.

What it writes behind them means nothing, but it is the same as behind the same tokens elsewhere.
"""

from __future__ import annotations

import struct
from pathlib import Path

from funland_server.models.installed.embedded import embedded_model

PREFIX, SUFFIX, MIDDLE = 300, 301, 302
"""Which tokens are the marks: any three that are no marks of the chat template."""
_HEAD = 24
"""Magic, version, and the numbers of tensors and of keys, 8 bytes each but for the first two."""
_UINT32, _STRING = 4, 8
_ALIGNMENT = 32


def write(path: Path) -> Path:
    """Writes the model with three more keys, and one that fills up to the tensors' alignment."""
    content = embedded_model().path.read_bytes()
    marks = {"pre": PREFIX, "suf": SUFFIX, "mid": MIDDLE}
    more = b"".join(
        _key(f"tokenizer.ggml.fim_{name}_token_id") + struct.pack("<II", _UINT32, token)
        for name, token in marks.items()
    )
    fill = _key("tests.fill") + struct.pack("<IQ", _STRING, 0)
    missing = -len(more + fill) % _ALIGNMENT
    fill = _key("tests.fill") + struct.pack("<IQ", _STRING, missing) + b" " * missing
    (keys,) = struct.unpack_from("<Q", content, _HEAD - 8)
    head = content[: _HEAD - 8] + struct.pack("<Q", keys + len(marks) + 1)
    path.write_bytes(head + more + fill + content[_HEAD:])
    return path


def _key(name: str) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode()
