"""Writes a model all of whose weights have learnt, as the file that it was with other numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from funland_worker.engines.gguf_source import GgufSource
from funland_worker.training.files import written_whole
from funland_worker.training.numbers import Numbers
from funland_worker.training.pytorch.whole import Whole

_OF_THE_FILE: Final = ("general.file_type", "general.quantization_version", "general.architecture")
"""What is said anew, since the numbers are float32 now."""
_OF_PARTS: Final = ("GGUF.", "split.")
"""What the format itself has, and what files have that are parts of one."""
_ALL_F32: Final = 0


def write_model(path: Path, numbers: Numbers, *, base: Path, parts: Whole) -> None:
    """Writes it in float32, whole or not at all; `base` is the model that it was.

    Raises:
        EngineError: STORAGE_FULL.
        OSError: It can't be written, or `base` not read.
    """
    import gguf  # noqa: PLC0415 - only needed when something is written

    # It would log each file's place.
    logging.getLogger("gguf").setLevel(logging.WARNING)
    source = GgufSource(base)
    with written_whole(path) as partial:
        writer = gguf.GGUFWriter(partial, parts.shape.architecture)
        try:
            writer.add_file_type(_ALL_F32)
            for key, field in source.fields.items():
                if key not in _OF_THE_FILE and not key.startswith(_OF_PARTS):
                    _add(writer, key, field)
            for part in parts.parts:
                writer.add_tensor(part.name, parts.as_in_file(part, numbers))
            for name in source.tensors.keys() - {part.name for part in parts.parts}:
                writer.add_tensor(name, source.read(name))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _add(writer: Any, key: str, field: Any) -> None:
    inner = field.types[-1] if len(field.types) > 1 else None
    writer.add_key_value(key, field.contents(), field.types[0], sub_type=inner)
