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
_INPUT = re.compile(
    rb'<layer\b[^>]*\bname="(?P<name>[^"]*)"[^>]*>\s*<data\b[^>]*\bshape="(?P<shape>[^"]*)"'
)
_SIDE = re.compile(rb"\d{1,9}")
_SHAPE = re.compile(rb'\bshape="([\d, ]*)"')


def check_openvino(folder: Path, _: Collection[str]) -> int:
    """As `check_network`, of the only network of a folder."""
    return check_network(folder, "openvino_model")


def check_network(folder: Path, name: str) -> int:
    """Checks that the network `name.xml` is one and that its weights lie in `name.bin`, and gives
    the number of those that are not single values.

    Raises:
        DamagedFileError: It is something else, or not whole.
    """
    xml, weights = folder / f"{name}.xml", folder / f"{name}.bin"
    if xml.stat().st_size > _LARGEST_XML:
        raise DamagedFileError(f"{name}.xml is larger than {_LARGEST_XML} bytes")
    text = xml.read_bytes()
    if not _ROOT.match(text) or not text.rstrip().endswith(b"</net>"):
        raise DamagedFileError(f"{name}.xml is not a whole network")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DamagedFileError(f"{name}.xml has a document type, which no network needs")
    room = weights.stat().st_size
    parameters = 0
    for data in _DATA.finditer(text):
        offset, size = _OFFSET.search(data[0]), _SIZE.search(data[0])
        if offset is None or size is None:
            continue
        if int(offset[1]) + int(size[1]) > room:
            raise DamagedFileError(f"{name}.bin is cut short")
        shape = _SHAPE.search(data[0])
        dimensions = [int(one) for one in shape[1].split(b",") if one.strip()] if shape else []
        if len(dimensions) > 1:
            parameters += math.prod(dimensions)
    return parameters


def input_shape(folder: Path, name: str, given: str) -> tuple[int | None, ...]:
    """The sides of what the network `name.xml`, which was checked, is given as `given`; None for
    those that may be any. Empty if it has no such input."""
    text = (folder / f"{name}.xml").read_bytes()
    for layer in _INPUT.finditer(text):
        if layer["name"] == given.encode() and b'type="Parameter"' in layer[0]:
            sides = [side.strip() for side in layer["shape"].split(b",")]
            return tuple(int(side) if _SIDE.fullmatch(side) else None for side in sides)
    return ()
