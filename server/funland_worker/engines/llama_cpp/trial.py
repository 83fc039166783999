"""Tries in a process of its own whether llama.cpp can compute a model's attention in some way: of
some models it ends its process over it, instead of saying so.

Nothing is computed and no weights are read: llama.cpp plans a pass, which is where it ends or
refuses, and the plan shows what it would do.
"""

from __future__ import annotations

import ctypes
import json
import logging
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.attention import Attention
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.llama_cpp.last_words import why
from funland_worker.engines.llama_cpp.library import function, lib
from funland_worker.engines.protocol import EngineError

logger = logging.getLogger(__name__)

_SECONDS: Final = 120
_TOKENS: Final = 32
_RESERVE: Final = "_Z19llama_graph_reserveP13llama_contextjjj"
"""`llama_graph_reserve` of llama-ext.h, which is C++."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is so of a model that can be computed."""

    keeps: bool
    """Whether it keeps keys and values of a text."""
    flash: bool
    """Whether its attention is computed in one pass."""


def try_apart(path: Path, attention: Attention) -> Told | str:
    """What llama.cpp does with a model's file, or why it can't. `attention.flash` is not None."""
    kinds = [LoadSettings.CacheType.Name(one) for one in (attention.key_type, attention.value_type)]
    command = [
        sys.executable,
        "-P",
        "-m",
        __name__,
        str(path),
        *kinds,
        str(int(attention.flash or 0)),
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it did not say so within {_SECONDS} seconds"
    logger.debug("%s", done.stderr.decode(errors="replace"))
    if done.returncode < 0:
        return "it ends its process over it"
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"what llama.cpp can compute could not be tried: {said}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told["why"] if "why" in told else Told(**told)


def look(path: Path, attention: Attention) -> Told | str:
    """The same in this process, which may be lost."""
    try:
        file = GgufFile(path, weights=True, allocates=False)
    except EngineError as error:
        return error.message
    misfit = attention.misfit(file.head_length("key"), file.head_length("value"))
    if misfit is not None:
        return misfit[1]
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _TOKENS
    params.n_threads = params.n_threads_batch = 1
    attention.apply(params)
    library.errors.clear()
    context = lib.llama_init_from_model(file.handle, params)
    if not context:
        return why(library.errors, str(path)) or "there is not enough memory"
    recurrent = lib.llama_model_is_recurrent(file.handle)
    keeps = bool(lib.llama_get_memory(context)) and not recurrent
    return Told(keeps, "FLASH_ATTN_EXT" in _steps(context))


def _steps(context: Any) -> set[str]:
    """ggml's names of all that a pass of one token does."""
    number, pointer = ctypes.c_uint32, ctypes.c_void_p
    plan = function(_RESERVE, pointer, pointer, number, number, number)(context, 1, 1, 1)
    node = function("ggml_graph_node", pointer, pointer, ctypes.c_int)
    name = function("ggml_op_desc", ctypes.c_char_p, pointer)
    count = function("ggml_graph_n_nodes", ctypes.c_int, pointer)(plan)
    return {name(node(plan, at)).decode() for at in range(count)}


def main(arguments: list[str]) -> None:
    """Prints what it found as a line of JSON."""
    library.start()
    path, key, value, flash = arguments
    types = LoadSettings.CacheType.Value(key), LoadSettings.CacheType.Value(value)
    found = look(Path(path), Attention(*types, flash=flash == "1"))
    sys.stdout.write(json.dumps({"why": found} if isinstance(found, str) else asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
