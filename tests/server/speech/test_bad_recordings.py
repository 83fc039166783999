"""Five hundred requests that can't be heard, or hardly: each is answered, and no worker is lost."""

from __future__ import annotations

import asyncio
import io
import random
import struct
from collections import Counter

import grpc.aio
import numpy as np
import soundfile

from funland.v1.speech_pb2 import TranscribeRequest
from funland_server.app import Server
from tests.processes import children
from tests.server.conftest import call, details

TINY = "whisper-tiny.en"
REASONS = {
    "AUDIO_INVALID", "FIELD_INVALID", "FILE_NOT_FOUND", "FORMAT_UNAVAILABLE",
    "LANGUAGE_UNSUPPORTED", "MODEL_KIND_WRONG", "MODEL_NOT_FOUND",
}  # fmt: skip
SHORT = np.sin(np.arange(1600) / 9).astype(np.float32) * 0.3


def sound(container: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SHORT, 16000, format=container, subtype=subtype)
    return file.getvalue()


def header(chance: random.Random) -> bytes:
    """A WAV whose header claims anything."""
    channels, rate, bits = (
        chance.choice(([0, 1, 2, 33, 65535], [0, 1, 8000, 2**31, 2**32 - 1], [0, 1, 8, 16, 33])[n])
        for n in range(3)
    )
    kind = chance.choice([0, 1, 2, 3, 6, 7, 85, 65534, 65535])
    form = struct.pack(
        "<HHIIHH", kind, channels, rate, chance.choice([0, 32000, 2**32 - 1]),
        chance.choice([0, 1, 2, 65535]), bits,
    )  # fmt: skip
    size = chance.choice([0, 7, 3200, 2**32 - 1])
    data = struct.pack("<4sI4s4sI", b"RIFF", size, b"WAVE", b"fmt ", len(form)) + form
    return data + struct.pack("<4sI", b"data", size) + chance.randbytes(64)


def damaged(chance: random.Random, whole: list[bytes]) -> bytes:
    data = bytearray(chance.choice(whole))
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
    return bytes(data[: chance.randint(1, len(data))])


def bad(chance: random.Random, whole: list[bytes]) -> TranscribeRequest:
    request = TranscribeRequest(model=TINY, audio=chance.choice(whole))
    match chance.randrange(8):
        case 0:
            request.audio = chance.randbytes(chance.randint(1, 500))
        case 1:
            request.audio = header(chance)
        case 2 | 3:
            request.audio = damaged(chance, whole)
        case 4:
            request.language = chance.choice(
                ["zh", "xx", "e", "1", "en;", "en-", "a" * 36, "klingon"]
            )
        case 5:
            request.temperature = chance.choice([-0.1, 1.1, float("nan"), float("inf"), -1e38])
        case 6:
            request.file_id = chance.choice(
                ["file-1", "../../etc", "a" * 129, "\0", "file-" + "0" * 24]
            )
        case _:
            request.task = chance.choice([2, 3, -1, 2**31 - 1])  # type: ignore[assignment]  # wrong on purpose
    if not chance.randrange(6):
        request.model = chance.choice(["hibari", "funland-tiny", "nobody", "../model", "a" * 300])
    request.word_timestamps = chance.random() < 0.3
    if not chance.randrange(5):
        request.prompt = chance.choice(
            ["<|endoftext|>", "\0", "x" * 4096, "y" * 4097, "\U0001f600"]
        )
    return request


async def test_no_bad_request_costs_the_worker(server: Server) -> None:
    chance = random.Random(16)  # noqa: S311 - the same each time
    whole = [sound("WAV"), sound("WAV", "FLOAT"), sound("FLAC"), sound("MP3"), sound("OGG", "OPUS")]
    await call(server, "Transcribe", TranscribeRequest(model=TINY, audio=whole[0]))
    before = [child.pid for child in children()]
    turns = asyncio.Semaphore(8)
    answers = Counter[str]()

    async def ask(request: TranscribeRequest) -> None:
        async with turns:
            try:
                await call(server, "Transcribe", request)
                answers["heard"] += 1
            except grpc.aio.AioRpcError as error:
                answers[details(error)["ErrorInfo"].reason] += 1

    await asyncio.gather(*(ask(bad(chance, whole)) for _ in range(500)))

    assert [child.pid for child in children()] == before
    assert set(answers) <= {*REASONS, "heard"}, answers
    assert set(answers) >= {"AUDIO_INVALID", "FIELD_INVALID", "LANGUAGE_UNSUPPORTED"}, answers
    assert answers["heard"] < 150, answers
