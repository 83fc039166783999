"""Makes GGUF files out of the embedded model by changing bytes of it."""

from __future__ import annotations

import struct

import gguf

from funland_server.models.installed.embedded import embedded_model

_TEMPLATE_KEY = b"tokenizer.chat_template"
_UINT32, _STRING = 4, 8
_ALIGNMENT = 32


def whole() -> bytes:
    """The embedded model as it is."""
    return embedded_model().path.read_bytes()


def with_template(template: str) -> bytes:
    """The same with another chat template."""
    content = whole()
    begin, end = _template(content)
    text = template.encode()
    # The tensors' offsets count from the aligned end of the header, so the header must grow by
    # whole alignments; a comment at the template's end fills up.
    fill = (end - begin - len(text)) % _ALIGNMENT
    if 0 < fill < len("{##}"):
        fill += _ALIGNMENT
    if fill:
        text += b"{#" + b" " * (fill - len("{##}")) + b"#}"
    length = struct.pack("<Q", len(text))
    return content[: begin - len(length)] + length + text + content[end:]


def without_template() -> bytes:
    """The same without a chat template: the key goes by another name."""
    return whole().replace(_TEMPLATE_KEY, _TEMPLATE_KEY.upper(), 1)


def with_bytes(offset: int, value: bytes) -> bytes:
    """The same with some bytes replaced."""
    content = whole()
    return content[:offset] + value + content[offset + len(value) :]


def with_number(key: str, value: int) -> bytes:
    """The same with another value for a number of its metadata."""
    content = whole()
    mark = struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", _UINT32)
    offset = content.index(mark) + len(mark)
    return content[:offset] + struct.pack("<I", value) + content[offset + 4 :]


def with_values(tensor: str, value: float) -> bytes:
    """The same with another value in all places of a tensor of float32."""
    content = whole()
    (found,) = [one for one in gguf.GGUFReader(embedded_model().path).tensors if one.name == tensor]
    begin, size = int(found.data_offset), int(found.n_bytes)
    return content[:begin] + struct.pack("<f", value) * (size // 4) + content[begin + size :]


def _template(content: bytes) -> tuple[int, int]:
    """Where the template's text begins and ends."""
    mark = struct.pack("<Q", len(_TEMPLATE_KEY)) + _TEMPLATE_KEY + struct.pack("<I", _STRING)
    begin = content.index(mark) + len(mark) + 8
    (length,) = struct.unpack_from("<Q", content, begin - 8)
    return begin, begin + length
