"""Checks that a file is a LoRA adapter for a model, before llama.cpp sees it.

llama.cpp's own reader ends the process on a value of another type than it expects, and its
arithmetic on tensors that don't fit. What `convert_lora_to_gguf.py` writes passes:
https://github.com/ggml-org/llama.cpp/blob/master/convert_lora_to_gguf.py
"""

from __future__ import annotations

from pathlib import Path

from funland.v1.models_pb2 import Model
from funland_server.models.adapters.picture_lora import flaw
from funland_server.models.formats.gguf import GgufContents, read_contents
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.installed.model import InstalledModel
from funland_server.workers.errors import AdapterInvalidError, ModelFileInvalidError

_STRING, _FLOAT = 8, 6
# F32, F16, Q8_0 and BF16, by ggml's numbers: what converters write and every device multiplies.
_TENSOR_TYPES = {0, 1, 8, 30}
_EMBEDDINGS, _OUTPUT = "token_embd.weight", "output.weight"
_DOWN, _UP = ".lora_a", ".lora_b"


def check_adapter(path: Path, model: InstalledModel) -> None:
    """Reads the headers of the adapter's file and of the model's.

    Raises:
        AdapterInvalidError: The file can't be read, or is not an adapter for this model. The
            message names the file but not its folder.
        ModelFileInvalidError: The model's file is not whole.
    """
    if model.kind == Model.IMAGE:
        why = flaw(path, model.path)
        if why is not None:
            raise _invalid(path, model, _not_for(path, model, why))
        return
    if model.format != Model.GGUF:
        why = (
            f"Model {model.model_id!r} is not of the format GGUF, and only those and models that"
            " paint have adapters."
        )
        raise _invalid(path, model, why)
    try:
        adapter = read_contents(path)
    except ModelFileInvalidError as error:
        raise _invalid(path, model, error.message) from None
    why = _flaw(adapter, read_gguf(model.path).contents)
    if why is not None:
        raise _invalid(path, model, _not_for(path, model, why))


def _not_for(path: Path, model: InstalledModel, why: str) -> str:
    return f"{path.name} is not an adapter for {model.model_id!r}: {why}."


def _invalid(path: Path, model: InstalledModel, message: str) -> AdapterInvalidError:
    return AdapterInvalidError(message, model=model.model_id, file=path.name)


def _flaw(adapter: GgufContents, model: GgufContents) -> str | None:
    """What is wrong with the adapter, if anything is."""
    for key, wanted in (
        ("general.type", "adapter"),
        ("adapter.type", "lora"),
        ("general.architecture", model.values["general.architecture"]),
    ):
        if adapter.value_types.get(key) != _STRING or adapter.values[key] != wanted:
            return f"its {key} is not {wanted!r}"
    if adapter.value_types.get("adapter.lora.alpha", _FLOAT) != _FLOAT:
        return "its adapter.lora.alpha is not a 32-bit float"
    if "adapter.alora.invocation_tokens" in adapter.values:
        return "it acts only after certain tokens, which Funland can't do"
    return _tensor_flaw(adapter, model)


def _tensor_flaw(adapter: GgufContents, model: GgufContents) -> str | None:
    pairs = 0
    for name, shape in adapter.shapes.items():
        if name.endswith("_norm.weight"):  # llama.cpp passes over these, so they are harmless
            continue
        base = name.removesuffix(_DOWN).removesuffix(_UP)
        down, up = adapter.shapes.get(base + _DOWN), adapter.shapes.get(base + _UP)
        weights = model.shapes.get(base)
        if base == name or ".lora_" in base or down is None or up is None:
            return f"tensor {name[:80]!r} is not one of a pair"
        if weights is None:
            return f"the model has no tensor {base[:80]!r}"
        if adapter.tensor_types[name] not in _TENSOR_TYPES:
            return f"tensor {name[:80]!r} is of a type that adapters don't have"
        if base == _EMBEDDINGS and _OUTPUT not in model.shapes:
            return "it changes embeddings that the model also has for its output"
        if not _fits(base, down, up, weights):
            return f"tensor {name[:80]!r} of shape {shape} does not fit the model's {weights}"
        pairs += 1
    return None if pairs else "it has no tensors"


def _fits(name: str, down: tuple[int, ...], up: tuple[int, ...], weights: tuple[int, ...]) -> bool:
    """Whether the product of the two has the shape of the model's weights."""
    if not len(down) == len(up) == len(weights) >= 2:  # noqa: PLR2004 - a matrix
        return False
    if name == _EMBEDDINGS:  # a look-up, where the two are the other way round
        return (down[1], up[1]) == (weights[1], weights[0]) and down[0] == up[0]
    same_rank = down[1] == up[0] and down[2:] == up[2:] == weights[2:]
    return (down[0], up[1]) == weights[:2] and same_rank
