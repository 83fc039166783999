"""Takes the keys and values of one text out of llama.cpp's cache, and puts them back."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.memory import Memory
from funland_worker.engines.stand_ins import last_begin, shift

_HEADER = struct.Struct("<III")
"""Magic, sequence id, number of parts; then for each part how many cells it has, and those."""

HEADER_SIZE = _HEADER.size
_COUNT = 4
_MOST_PARTS = 256
_STATES: int = lib.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY

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
    memory: Memory
    """What it can do."""

    def save(self, sequence: int, part: int) -> State:
        """The state of a sequence, which is in that part."""
        size: int = lib.llama_state_seq_get_size(self.context, sequence)
        buffer: NDArray[np.uint8] = np.empty(size + _COUNT * _MOST_PARTS, np.uint8)
        buffer[size:] = 0
        written = lib.llama_state_seq_get_data(self.context, _pointer(buffer, 0), size, sequence)
        if written != size:
            raise RuntimeError(f"llama.cpp gave {written} of {size} bytes of a sequence's state")
        if not self.memory.moves:
            return State(buffer, _HEADER.size, size)
        return State(buffer, _HEADER.size + _COUNT * part, size - _COUNT * (self.parts - 1 - part))

    def restore(self, sequence: int, state: State) -> bool:
        """Gives a sequence a saved state; says whether there was room."""
        stop = state.stop
        if self.memory.moves:
            stop += _COUNT * (self.parts - 1)
            state.buffer[state.stop : stop] = 0
        begin = state.start - _HEADER.size
        magic = _HEADER.unpack(state.buffer[: _HEADER.size].tobytes())[0]
        header = _HEADER.pack(magic, sequence, self.parts)
        if self.memory.moves:
            state.buffer[begin : state.start] = np.frombuffer(header, np.uint8)
        size = stop - begin
        pointer = _pointer(state.buffer, begin)
        return bool(lib.llama_state_seq_set_data(self.context, pointer, size, sequence))

    def copy(self, source: int, target: int) -> bool:
        """Gives a sequence all that another has; says whether there was room."""
        if not self.memory.shares_cells:
            return self.restore(target, self.save(source, 0))
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        return True

    def trim(self, sequence: int, position: int) -> None:
        """Leaves what stands before a position of a sequence that has few more tokens."""
        if not lib.llama_memory_seq_rm(self._memory, sequence, position, -1):
            raise RuntimeError("llama.cpp can't take back the latest tokens of a sequence")

    def rest(self, sequence: int) -> NDArray[np.uint8]:
        """What is kept of a sequence beside keys and values."""
        size: int = lib.llama_state_seq_get_size_ext(self.context, sequence, _STATES)
        buffer: NDArray[np.uint8] = np.empty(size, np.uint8)
        pointer = _pointer(buffer, 0)
        written = lib.llama_state_seq_get_data_ext(self.context, pointer, size, sequence, _STATES)
        if written != size:
            raise RuntimeError(f"llama.cpp gave {written} of {size} bytes of a sequence's state")
        return buffer

    def settle(self, sequence: int) -> None:
        """Has a state be what it was rolled back to. llama.cpp (llama-cpp-python 0.3.36) only notes
        that down for the sequence's next pass, and a copy of the sequence would not have it."""
        state = self.rest(sequence)
        pointer = _pointer(state, 0)
        if not lib.llama_state_seq_set_data_ext(
            self.context, pointer, len(state), sequence, _STATES
        ):
            raise RuntimeError("llama.cpp does not take back a state that it gave")

    def cut(self, sequence: int, tokens: Sequence[int]) -> bool:
        """Leaves these of a sequence's tokens, which it begins with; False if that can't be, and
        then it has none.

        A state that was rolled back long ago is not asked to do so again: llama.cpp would, wrongly.
        And of a window the latest tokens must still be there.
        """
        end = len(tokens) - shift(tokens)
        if (
            end > 0
            and (self.memory.drops_tails or self._end(sequence) <= end)
            and lib.llama_memory_seq_rm(self._memory, sequence, end, -1)
            and self._end(sequence) > last_begin(tokens)
        ):
            window = self.memory.window
            needed = max(0, end - window) if window else 0
            if (
                not self.memory.drops_tails
                or lib.llama_memory_seq_pos_min(self._memory, sequence) <= needed
            ):
                return True
        lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def _end(self, sequence: int) -> int:
        """Behind which position a sequence ends."""
        return lib.llama_memory_seq_pos_max(self._memory, sequence) + 1

    @property
    def _memory(self) -> Any:
        return lib.llama_get_memory(self.context)


def _pointer(buffer: NDArray[np.uint8], offset: int) -> Any:
    return ctypes.cast(buffer.ctypes.data + offset, ctypes.POINTER(ctypes.c_uint8))
