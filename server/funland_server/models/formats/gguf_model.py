"""A model in GGUF: one file, or several that belong together (ADR 0050).

llama.cpp takes the names of several for their order, and checks only how many tensors they have
together: another model's file among them would load without a word. What is wrong with them is told
here, by the name of the file.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from funland_server.models.formats.architectures import foreign, writes_text
from funland_server.models.formats.gguf import GgufContents, invalid, read_contents
from funland_server.models.formats.gguf_cache import cache_facts
from funland_server.models.formats.gguf_layers import cached_bytes, layers
from funland_server.models.formats.gguf_states import state_bytes
from funland_server.models.formats.header import ModelHeader
from funland_server.workers.errors import ModelFileInvalidError

_KEPT_TEXT = 64 * 1024

_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4",
    40: "Q1_0",
}  # fmt: skip

_POSITIONS = "position_embd.weight"
_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
_NUMBER, _COUNT, _TENSORS = "split.no", "split.count", "split.tensors.count"
# The format's numbers for the types that llama.cpp reads them by.
_TYPES = {_NUMBER: 2, _COUNT: 2, _TENSORS: 5}
_IDENTITY = ("general.architecture", "general.name", "general.file_type")
"""What parts must agree in, if they say it: most say nothing."""


@dataclass(frozen=True, slots=True)
class GgufModel:
    """A model that was read, and checked to be whole."""

    header: ModelHeader
    contents: GgufContents
    """The metadata of the first file, and the tensors of all."""
    files: tuple[Path, ...]
    """In their order."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a file says of the model that it is a part of."""

    number: int
    """From 0."""
    count: int
    tensors: int
    """Of all parts together."""


def read_gguf(path: Path) -> GgufModel:
    """Reads and checks a model by its only file, or by the first of several.

    Raises:
        ModelFileInvalidError: It is not a GGUF or not whole; another file is missing, or belongs to
            another model; or it is nothing that Funland can run. The message names the file that is
            to blame but not its folder.
    """
    first = read_contents(path)
    if (what := foreign(first.values)) is not None:
        raise ModelFileInvalidError(f"{path.name} is {what}.", file=path.name)
    part = _part(path, first)
    files = (path,)
    if part is not None:
        files = _files(path, part)
        first = _joined(files, first, part)
    return GgufModel(_describe(path, first, len(files)), first, files)


def part_name(stem: str, number: int, count: int) -> str:
    """The name by which llama.cpp finds a file of several; `number` is from 0."""
    return f"{stem}-{number + 1:05d}-of-{count:05d}.gguf"


def named_parts(path: Path) -> tuple[Path, ...]:
    """The files of a model whose first has such a name; the file alone if it has another."""
    name = _NAME.fullmatch(path.name)
    if name is None:
        return (path,)
    count = int(name[3])
    return tuple(path.with_name(part_name(name[1], number, count)) for number in range(count))


def _part(path: Path, contents: GgufContents) -> _Part | None:
    """None for a model that is whole."""
    values, types = contents.values, contents.value_types
    if values.get(_COUNT, 1) in (0, 1):
        return None
    for key, kind in _TYPES.items():
        if types.get(key) != kind:
            raise invalid(path, f"it is a part of a model, but has no {key} of the right type")
    return _Part(*(cast("int", values[key]) for key in _TYPES))


def _files(path: Path, part: _Part) -> tuple[Path, ...]:
    """All files of the model that `path` is the first of."""
    name = _NAME.fullmatch(path.name)
    stem = name[1] if name else "NAME"
    place = f"it is part {part.number + 1} of {part.count} of a model"
    if path.name != (wanted := part_name(stem, part.number, part.count)):
        raise invalid(path, f"{place}, and must be called {wanted}")
    if part.number:
        first = part_name(stem, 0, part.count)
        raise invalid(path, f"{place}; import the first, {first}, which brings the others")
    return named_parts(path)


def _joined(files: tuple[Path, ...], first: GgufContents, part: _Part) -> GgufContents:
    """The contents of all files together."""
    shapes, tensor_types = dict(first.shapes), dict(first.tensor_types)
    for number, path in enumerate(files[1:], start=1):
        if not path.exists():
            raise invalid(
                path, f"it is missing: all {part.count} parts of the model must lie in one folder"
            )
        other = read_contents(path)
        if _part(path, other) != _Part(number, part.count, part.tensors) or any(
            other.values.get(key) not in (None, first.values.get(key)) for key in _IDENTITY
        ):
            raise invalid(path, f"it is not part {number + 1} of the model of {files[0].name}")
        if twice := shapes.keys() & other.shapes.keys():
            raise invalid(path, f"tensor {min(twice)[:80]!r} is in a part before it too")
        shapes |= other.shapes
        tensor_types |= other.tensor_types
    if len(shapes) != part.tensors:
        raise invalid(
            files[0], f"its model has {part.tensors} tensors, but there are {len(shapes)} in all"
        )
    return GgufContents(first.values, first.value_types, tensor_types, shapes)


def _describe(path: Path, contents: GgufContents, files: int) -> ModelHeader:
    metadata = contents.values
    if not contents.shapes:
        raise invalid(path, "it has no tensors")
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise invalid(path, "it does not name its architecture")
    file_type = metadata.get("general.file_type")
    parts = layers(contents)
    states = state_bytes(contents)
    return ModelHeader(
        architecture=architecture,
        name=_text(metadata, "general.name"),
        description=_text(metadata, "general.description"),
        license=_text(metadata, "general.license"),
        quantization=_FILE_TYPES.get(file_type, "") if isinstance(file_type, int) else "",
        parameter_count=sum(map(math.prod, contents.shapes.values())),
        context_length=_number(metadata, f"{architecture}.context_length"),
        embedding_length=_number(metadata, f"{architecture}.embedding_length"),
        has_chat_template=bool(_text(metadata, "tokenizer.chat_template")),
        cache_bytes_per_token=cached_bytes(contents),
        writes_text=writes_text(metadata),
        pooling=_number(metadata, f"{architecture}.pooling_type"),
        positions=contents.shapes.get(_POSITIONS, (0, 0))[-1],
        layer_bytes=parts.weights,
        layer_cache_bytes=parts.cache,
        state_bytes=sum(states.values()),
        layer_state_bytes=parts.states,
        cache=cache_facts(contents, states),
        output_bytes=parts.output,
        ties_output=parts.ties_output,
        vocabulary_size=parts.vocabulary_size,
        files=files,
    )


def _text(metadata: dict[str, object], key: str) -> str:
    value = metadata.get(key)
    return value[:_KEPT_TEXT] if isinstance(value, str) else ""


def _number(metadata: dict[str, object], key: str) -> int:
    value = metadata.get(key)
    return value if isinstance(value, int) and 0 < value < 2**31 else 0
