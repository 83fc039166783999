"""Small changes to a model before it is compiled."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from funland_worker.engines.openvino.library import openvino

_STEPS = 8


def choose_rows(model: Any, name: str) -> None:
    """Gives the model an input `name`: the rows whose scores are wanted. The largest matrix of all
    is then not multiplied with the rows of a prompt that nobody asks for."""
    ov = openvino()
    # The functions' own declarations are not for type checkers.
    ops: Any = import_module("openvino.opset13")
    projection = last_projection(model)
    rows = ops.parameter([-1], ov.Type.i64, name=name)
    rows.output(0).get_tensor().set_names({name})
    hidden = projection.input_value(0)
    chosen = ops.gather(hidden, rows, ops.constant(0, ov.Type.i64))
    projection.input(0).replace_source_output(chosen.output(0))
    model.add_parameters([rows])


def last_projection(model: Any) -> Any:
    """The matrix multiplication that makes scores of the last hidden state.

    Raises:
        ValueError: The model does not end with one, so it is not one that writes text.
    """
    node = model.output(0).get_node().input_value(0).get_node()
    for _ in range(_STEPS):
        if node.get_type_name() == "MatMul":
            return node
        if not node.inputs():
            break
        node = node.input_value(0).get_node()
    raise ValueError("the model does not end with a projection on its vocabulary")
