"""Models in several files, as gguf-py writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf


def split(
    source: Path, folder: Path, stem: str, parts: int, *, metadata_alone: bool = False
) -> list[Path]:
    """Writes a model anew in so many files; with `metadata_alone`, the first has no tensors."""
    reader: Any = gguf.GGUFReader(str(source))
    most = -(-len(reader.tensors) // (parts - metadata_alone))
    writer: Any = gguf.GGUFWriter(
        folder / f"{stem}.gguf",
        reader.get_field("general.architecture").contents(),
        split_max_tensors=most,
        small_first_shard=metadata_alone,
    )
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key != "general.architecture":
            writer.add_key_value(key, field.contents(), field.types[0], field.types[-1])
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob(f"{stem}-*.gguf"))
