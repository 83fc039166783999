"""The layers of a network in OpenVINO's form that adapters can change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

_PREFIX: Final = "__module."
"""What exports have before a module's name."""
_MATRIX, _CONVOLUTION = 2, 4


def layer_shapes(xml: Path) -> Mapping[str, tuple[int, ...]]:
    """What the weights of linear layers and of convolutions are, by the layers' names with `_` for
    the dots: the outputs, the inputs, and a convolution's window. The network was checked when it
    was installed."""
    shapes: dict[str, tuple[int, ...]] = {}
    for _, element in ET.iterparse(xml, events=("end",)):  # noqa: S314 - it has no document type
        if element.tag != "layer":
            continue
        name = element.get("name", "").partition("/")[0]
        kind = element.get("type")
        if kind in ("MatMul", "Convolution") and name.startswith(_PREFIX):
            shape = _weights(element)
            if len(shape) == (_MATRIX if kind == "MatMul" else _CONVOLUTION):
                shapes[name.removeprefix(_PREFIX).replace(".", "_")] = shape
        element.clear()
    return shapes


def _weights(layer: ET.Element) -> tuple[int, ...]:
    """The shape of a layer's second input, outputs first; empty if it has no fixed one."""
    ports = layer.findall("input/port")
    if len(ports) != 2:  # noqa: PLR2004 - what comes, and the weights
        return ()
    sides = [int(side.text or -1) for side in ports[1].findall("dim")]
    if any(side < 1 for side in sides):
        return ()
    data = layer.find("data")
    turned = data is not None and data.get("transpose_b") == "true"
    if layer.get("type") == "MatMul" and not turned:
        sides.reverse()
    return tuple(sides)
