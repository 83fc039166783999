"""What llama.cpp says that it allocates for a model: `python -m tools.zoo.allocations FILE`.

In a process of its own, with a context as a worker makes that is asked for nothing, when texts as
long as they may be have come.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from funland.v1.models_pb2 import LoadSettings
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.loading.contexts import held_texts, own_bytes
from funland_server.models.loading.lengths import cache_tokens, context_length
from funland_server.models.loading.sizes import sizes_of
from funland_server.models.loading.states import slots_for
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.cache.contexts import new_context, sequence_counts
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.reading import TextReader

SLOTS, CONTEXT = 32, 8192
"""The server's own, where nobody asks for others."""
_MIB = 1024**2
_PATTERNS = {
    "weights": re.compile(r"^load_tensors: +\S+ model buffer size = +([\d.]+) MiB"),
    "keys_and_values": re.compile(r"^llama_kv_cache\w*: size = +([\d.]+) MiB"),
    "states": re.compile(r"^llama_memory_recurrent: size = +([\d.]+) MiB"),
    "compute": re.compile(r"(?:compute|output) buffer size = +([\d.]+) MiB"),
}


@dataclass(frozen=True, slots=True)
class Allocated:
    """What there is of each, in bytes."""

    weights: int
    keys_and_values: int
    states: int
    compute: int


def allocated(lines: Iterable[str]) -> Allocated:
    """What llama.cpp has told of in lines of its log."""
    told = [*lines]
    return Allocated(
        **{
            part: int(
                _MIB * sum(float(found[1]) for line in told if (found := pattern.search(line)))
            )
            for part, pattern in _PATTERNS.items()
        }
    )


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.kept.append(record.getMessage())


def allocate(path: Path) -> Allocated:
    """Loads a model and makes its context."""
    lines = Lines()
    logger = logging.getLogger(library.__name__)
    logger.addHandler(lines)
    logger.setLevel(logging.DEBUG)
    known = sizes_of(read_gguf(path).header, path.stat().st_size)
    settings = LoadSettings(slots=SLOTS)
    own = own_bytes(known, settings, CONTEXT)
    settings.slots = slots_for(SLOTS, own, known.weights_bytes)
    context = context_length(known.context_length, settings, CONTEXT)
    cells = cache_tokens(settings, context)
    library.start()
    model = LlamaModel(path)
    weights = [line for line in lines.kept if line.startswith("load_tensors")]
    lines.kept.clear()
    if not known.writes_text:
        reader = TextReader(model, lib.LLAMA_POOLING_TYPE_NONE, context, 1)
        lines.kept.clear()
        for _ in reader.read([[0] * context]):
            pass
        return allocated([*weights, *lines.kept])
    if model.memory.moves:
        made = new_context(model, cells // context, context, 1, settings.slots, unified=False)
    else:
        held = held_texts(known, settings, CONTEXT)
        sequences = sequence_counts(settings.slots, held, fewer=True)[0]
        made = new_context(model, sequences, cells, 1, settings.slots, unified=True)
    lib.llama_free(made)
    return allocated([*weights, *lines.kept])


def main() -> None:
    """Reads the command line."""
    print(json.dumps(asdict(allocate(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
