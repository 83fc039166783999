"""Checks OpenVINO's intermediate representation: a network as XML, its weights beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path

from funland_server.models.formats.damage import DamagedFileError

_LARGEST_XML = 256 * 1024**2
_ROOT = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<net\b")
_DATA = re.compile(rb"<data\b[^>]*>")
_NUMBER = r'\b{}="(\d{{1,18}})"'
_OFFSET, _SIZE = (re.compile(_NUMBER.format(name).encode()) for name in ("offset", "size"))
_SHAPE = re.compile(rb'\bshape="([\d, ]*)"')


def check_openvino(folder: Path, _: Collection[str]) -> int:
    """Checks that the network is one and that its weights lie in their file, and gives the number
    of those that are not single values.

    Raises:
        DamagedFileError: It is something else, or not whole.
    """
    xml, weights = folder / "openvino_model.xml", folder / "openvino_model.bin"
    if xml.stat().st_size > _LARGEST_XML:
        raise DamagedFileError(f"openvino_model.xml is larger than {_LARGEST_XML} bytes")
    text = xml.read_bytes()
    if not _ROOT.match(text) or not text.rstrip().endswith(b"</net>"):
        raise DamagedFileError("openvino_model.xml is not a whole network")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DamagedFileError("openvino_model.xml has a document type, which no network needs")
    room = weights.stat().st_size
    parameters = 0
    for data in _DATA.finditer(text):
        offset, size = _OFFSET.search(data[0]), _SIZE.search(data[0])
        if offset is None or size is None:
            continue
        if int(offset[1]) + int(size[1]) > room:
            raise DamagedFileError("openvino_model.bin is cut short")
        shape = _SHAPE.search(data[0])
        dimensions = [int(one) for one in shape[1].split(b",") if one.strip()] if shape else []
        if len(dimensions) > 1:
            parameters += math.prod(dimensions)
    return parameters
