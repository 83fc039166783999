"""Makes the file that is downloaded: a GGUF of a wanted size, whose weights mean nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from tools.bench.gguf_writer import Kind, Tensor, header, padding

_ROW: Final = 4096
_CHUNK: Final = 16 * 1024**2
_METADATA: Final[dict[str, bool | int | float | str]] = {
    "general.architecture": "llama",
    "general.name": "Weights to be downloaded",
    "general.file_type": 0,
    "llama.context_length": 4096,
    "llama.embedding_length": _ROW,
    "llama.block_count": 1,
    "llama.attention.head_count": 32,
}


def write(path: Path, size: int, seed: int) -> str:
    """Writes a file of nearly `size` bytes and gives its SHA-256 as hexadecimal digits."""
    tensor = Tensor("token_embd.weight", (_ROW, max(1, size // (_ROW * 4))), Kind.F32)
    digest = hashlib.sha256()
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        left = tensor.size + padding(tensor.size)
        for chunk in (header(_METADATA, [tensor]), *_chunks(random, left)):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _chunks(random: np.random.Generator, left: int) -> list[bytes]:
    # One block again and again, each with a number of its own in front: no two are alike.
    block = bytearray(random.bytes(_CHUNK))
    chunks: list[bytes] = []
    while left:
        block[:8] = len(chunks).to_bytes(8, "little")
        chunks.append(bytes(block[: min(left, _CHUNK)]))
        left -= len(chunks[-1])
    return chunks
