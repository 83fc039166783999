"""Takes the keys and values of one text out of llama.cpp's cache, and puts them back."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.library import lib

_HEADER = struct.Struct("<III")
"""Magic, sequence id, number of parts; then for each part how many cells it has, and those."""

_COUNT = 4
_MOST_PARTS = 256

EMPTY_SIZE = _HEADER.size + _COUNT
"""How many bytes llama.cpp writes of a text without tokens, if keys and values in one cache, of one
part, are all that it keeps."""


@dataclass(frozen=True, slots=True)
class State:
    """What llama.cpp wrote of one text.

    llama.cpp takes it back only into a context of as many parts as it came from. But all parts
    that the text is not in are a zero each, so they can be cut off, and others put in their place:
    the text itself is `buffer[start:stop]`, with room around it for a header and zeros.
    """

    buffer: NDArray[np.uint8]
    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.buffer.nbytes

    @classmethod
    def of(cls, written: NDArray[np.uint8], start: int) -> State:
        """A state again of what was `buffer[:stop]`."""
        buffer = np.concatenate((written, np.zeros(_COUNT * _MOST_PARTS, np.uint8)))
        return cls(buffer, start, len(written))


@dataclass(frozen=True, slots=True)
class Transfer:
    """Saves, restores and cuts texts of a context of `parts` parts."""

    context: Any
    parts: int
    plain: bool = True
    """Whether the cache is one of keys and values alone. Texts of others (sliding windows, states,
    a second cache that tells which keys count) go back only into as many parts."""
    window: int = 0
    """How many of the latest tokens some layers see; 0: all."""
    recurrent: bool = False
    """Whether there is a state that can't go back to an earlier token."""

    def save(self, sequence: int, part: int) -> State:
        """The state of a sequence, which is in that part."""
        size: int = lib.llama_state_seq_get_size(self.context, sequence)
        buffer: NDArray[np.uint8] = np.empty(size + _COUNT * _MOST_PARTS, np.uint8)
        buffer[size:] = 0
        written = lib.llama_state_seq_get_data(self.context, _pointer(buffer, 0), size, sequence)
        if written != size:
            raise RuntimeError(f"llama.cpp gave {written} of {size} bytes of a sequence's state")
        if not self.plain:
            return State(buffer, _HEADER.size, size)
        return State(buffer, _HEADER.size + _COUNT * part, size - _COUNT * (self.parts - 1 - part))

    def restore(self, sequence: int, state: State) -> bool:
        """Gives a sequence a saved state; says whether there was room."""
        stop = state.stop
        if self.plain:
            stop += _COUNT * (self.parts - 1)
            state.buffer[state.stop : stop] = 0
        begin = state.start - _HEADER.size
        magic = _HEADER.unpack(state.buffer[: _HEADER.size].tobytes())[0]
        header = _HEADER.pack(magic, sequence, self.parts)
        if self.plain:
            state.buffer[begin : state.start] = np.frombuffer(header, np.uint8)
        size = stop - begin
        pointer = _pointer(state.buffer, begin)
        return bool(lib.llama_state_seq_set_data(self.context, pointer, size, sequence))

    def trim(self, sequence: int, length: int) -> None:
        """Leaves the first `length` tokens of a sequence that has few more."""
        if not lib.llama_memory_seq_rm(lib.llama_get_memory(self.context), sequence, length, -1):
            raise RuntimeError("llama.cpp can't take back the latest tokens of a sequence")

    def cut(self, sequence: int, length: int) -> bool:
        """Leaves a sequence's first `length` tokens; False if that can't be, and then it has none.

        A recurrent state can't go back, and of a window the latest tokens must still be there.
        """
        memory = lib.llama_get_memory(self.context)
        if (
            length > 0
            and lib.llama_memory_seq_rm(memory, sequence, length, -1)
            and lib.llama_memory_seq_pos_max(memory, sequence) == length - 1
        ):
            needed = max(0, length - self.window) if self.window else 0
            if self.recurrent or lib.llama_memory_seq_pos_min(memory, sequence) <= needed:
                return True
        lib.llama_memory_seq_rm(memory, sequence, -1, -1)
        return False


def _pointer(buffer: NDArray[np.uint8], offset: int) -> Any:
    return ctypes.cast(buffer.ctypes.data + offset, ctypes.POINTER(ctypes.c_uint8))
