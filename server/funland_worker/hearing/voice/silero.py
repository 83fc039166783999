"""How likely parts of a sound are speech, by Silero's detector.

`silero-vad-16k.onnx` is `silero_vad_16k_sequence.onnx` of the package silero-vad 6.2.3, as it is
there; its license, MIT, stands beside it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from funland_worker.hearing.voice.deciding import FRAME_SAMPLES

Frames = NDArray[np.float32]
Memory = tuple[Frames, Frames]

_FILE: Final = Path(__file__).with_name("silero-vad-16k.onnx")
_CONTEXT: Final = 64
"""How many samples before a frame the network looks at too."""
_MOST_FRAMES: Final = 512
"""How many go into one call: 16 s."""
_SILENT: Final = 3e-4
"""What stays below it is not heard by anyone: ten steps of 16 bits."""
_RESTS_AFTER: Final = 16
"""After so many silent frames the network is asked no more, until there is sound."""


@cache
def _network() -> Any:
    """The network; it keeps nothing between calls, and any number of threads may use it."""
    onnxruntime: Any = import_module("onnxruntime")  # loaded by the first that detects speech
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(_FILE), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _asked(given: NDArray[np.float32], memory: Memory) -> tuple[NDArray[np.float32], Memory]:
    likely, h, c = _network().run(None, {"input": given, "h": memory[0], "c": memory[1]})
    return likely, (h, c)


@cache
def _after_silence() -> Memory:
    """What the network remembers when it was silent before: from nothing it finds its way into
    quiet speech later."""
    nothing = np.zeros((1, 1, 128), np.float32)
    silence = np.zeros((_RESTS_AFTER, _CONTEXT + FRAME_SAMPLES), np.float32)
    return _asked(silence, (nothing, nothing))[1]


class SpeechLikelihoods:
    """One sound's, in whatever pieces it comes: they make no difference."""

    def __init__(self) -> None:
        self._memory = _after_silence()
        self._context = np.zeros(_CONTEXT, np.float32)
        self._silent = 0

    def of(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """How likely each frame is speech, from 0 to 1.

        Args:
            frames: [n, 512], 16 kHz, from -1 to 1; they follow those of the call before.
        """
        likely = np.zeros(len(frames), np.float32)
        begin = 0
        for number, sounds in enumerate(np.abs(frames).max(axis=1, initial=0) >= _SILENT):
            self._silent = 0 if sounds else self._silent + 1
            if self._silent > _RESTS_AFTER:
                likely[begin:number] = self._ask(frames[begin:number])
                self._context = frames[number, -_CONTEXT:].copy()
                begin = number + 1
        likely[begin:] = self._ask(frames[begin:])
        return likely

    def _ask(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        answers = [np.zeros(0, np.float32)]
        for begin in range(0, len(frames), _MOST_FRAMES):
            some = frames[begin : begin + _MOST_FRAMES]
            given = np.empty((len(some), _CONTEXT + FRAME_SAMPLES), np.float32)
            given[:, _CONTEXT:] = some
            given[0, :_CONTEXT] = self._context
            given[1:, :_CONTEXT] = some[:-1, -_CONTEXT:]
            self._context = some[-1, -_CONTEXT:].copy()
            likely, self._memory = _asked(given, self._memory)
            answers.append(likely)
        return np.concatenate(answers)
