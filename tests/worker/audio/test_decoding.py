from __future__ import annotations

import random
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.decoding import Recording, decoded
from funland_worker.audio.encoding import encoder, wave_header
from funland_worker.engines.protocol import EngineError
from tests.worker.audio.recordings import FORMATS, muxed, pitch, tone, vorbis, written


@cache
def recordings() -> dict[str, bytes]:
    hiss = np.random.default_rng(1).normal(0, 0.02, 48000).astype(np.float32)
    samples = tone(2, 24000) + hiss
    files = {SynthesizeRequest.Format.Name(kind): written(kind, samples, 24000) for kind in FORMATS}
    files["VORBIS"] = vorbis(samples, 24000)
    files["M4A"] = muxed("ipod", "aac", samples, 24000)
    files["WEBM"] = muxed("webm", "libopus", samples, 24000)
    return files


KINDS = ("WAV", "FLAC", "OPUS", "MP3", "AAC", "VORBIS", "M4A", "WEBM")


def refusal(data: bytes) -> str:
    with pytest.raises(EngineError) as raised:
        list(decoded(data))
    assert raised.value.reason == ErrorReason.AUDIO_INVALID
    return raised.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_is_heard_from_bytes_and_from_a_file(kind: str, tmp_path: Path) -> None:
    data = recordings()[kind]
    (file := tmp_path / "any name.bin").write_bytes(data)

    from_bytes = np.concatenate(list(decoded(data)))
    from_file = np.concatenate(list(decoded(file)))

    assert np.array_equal(from_bytes, from_file)
    assert from_bytes.dtype == np.float32
    assert len(from_bytes) / 16000 == pytest.approx(2, abs=0.15)
    assert pitch(from_bytes[4000:24000], 16000) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [("WAV", None), ("FLAC", None), ("OPUS", 2), ("MP3", 2), ("AAC", None), ("M4A", 2)],
)
def test_how_long_it_is_is_told_where_the_file_does(kind: str, seconds: float | None) -> None:
    with Recording(recordings()[kind]) as recording:
        told = recording.sound.seconds

    assert told is None if seconds is None else told == pytest.approx(seconds, abs=0.1)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OPUS", "MP3", "AAC", "VORBIS", "WEBM"])
def test_a_file_that_ends_early_gives_what_is_there(kind: str) -> None:
    data = recordings()[kind]

    heard = sum(map(len, decoded(data[: len(data) * 6 // 10])))

    assert 0.2 < heard / 16000 < 1.6


def test_an_m4a_that_ends_before_its_index_says_so() -> None:
    data = recordings()["M4A"]

    assert "damaged" in refusal(data[: len(data) // 2])


def test_damage_amid_a_file_says_where() -> None:
    data = bytearray(written(SynthesizeRequest.FLAC, tone(30, 24000), 24000))
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)

    assert "seconds after its begin" in refusal(bytes(data))


def form(
    tag: int, channels: int, rate: int, bits: int, data: bytes, *, frame_bytes: int | None = None
) -> bytes:
    """A WAV file."""
    frame = channels * ((bits + 7) // 8) if frame_bytes is None else frame_bytes
    shape = struct.pack("<HHIIHH", tag, channels, rate, (rate * frame) & 0xFFFFFFFF, frame, bits)
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + shape
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


STEPS = np.array([0, 0.5, -0.5, 0.25], np.float64)


@pytest.mark.parametrize(
    ("tag", "bits", "data"),
    [
        (1, 8, (STEPS * 128 + 128).astype(np.uint8).tobytes()),
        (1, 16, (STEPS * 32768).astype("<i2").tobytes()),
        (1, 24, b"".join(int(x * 8388608).to_bytes(3, "little", signed=True) for x in STEPS)),
        (1, 32, (STEPS * 2147483648).astype("<i4").tobytes()),
        (3, 32, STEPS.astype("<f4").tobytes()),
        (3, 64, STEPS.astype("<f8").tobytes()),
    ],
)
def test_samples_of_every_kind_are_read(tag: int, bits: int, data: bytes) -> None:
    (block,) = decoded(form(tag, 1, 16000, bits, data))

    assert block.tolist() == STEPS.tolist()


def test_telephone_samples_are_read() -> None:
    (ulaw,) = decoded(form(7, 1, 8000, 8, bytes([0x00, 0x80, 0xFF, 0x7F])), rate=8000)
    (alaw,) = decoded(form(6, 1, 8000, 8, bytes([0x2A, 0xAA, 0xD5, 0x55])), rate=8000)

    assert (ulaw * 32768).tolist() == [-32124, 32124, 0, 0]
    assert (alaw * 32768).tolist() == [-32256, 32256, 8, -8]


def test_channels_that_cancel_each_other_are_heard_as_the_loudest() -> None:
    sound = (8000 * np.sin(np.arange(1600) / 9)).astype("<i2")
    turned = np.stack([sound // 2, -(sound // 2)], axis=1)
    apart = np.stack([sound, np.zeros_like(sound)], axis=1)

    heard = np.concatenate(list(decoded(form(1, 2, 16000, 16, turned.tobytes()))))
    halved = np.concatenate(list(decoded(form(1, 2, 16000, 16, apart.tobytes()))))

    assert np.abs(heard).max() == pytest.approx(4000 / 32768, rel=0.01)
    assert np.abs(halved).max() == pytest.approx(4000 / 32768, rel=0.01)


def test_channels_are_heard_as_one() -> None:
    both = np.array([[1000, 3000], [-2000, 0]], "<i2")

    (block,) = decoded(form(1, 2, 16000, 16, both.tobytes()))

    assert (block * 32768).tolist() == [2000, -1000]


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF, 10**9])
def test_a_wav_of_unknown_length_is_read_to_its_end(length: int) -> None:
    data = wave_header(16000, length) + bytes(32000)

    assert sum(map(len, decoded(data))) == 16000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"RIFF", "are no recording"),
        (b"%PDF-1.7 and so on and on", "begins like no sound"),
        (bytes(1000), "begins like no sound"),
        (b"<html><body>not found</body></html>", "begins like no sound"),
        (b"\x1aE\xdf\xa3" + bytes(200), "damaged"),
        (b"\x00\x00\x00\x18ftypM4A " + bytes(200), "damaged"),
        (b"OggS" + bytes(100), "first page"),
        (b"OggS\0\2" + bytes(20) + b"\x01\x10fishead\0" + bytes(100), "neither Opus nor Vorbis"),
        (b"fLaC\x84\0\0\x22" + bytes(100), "does not begin"),
        (b"fLaC\0\0\0\x22" + bytes(100), "can't be"),
        (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(100), "nothing but an ID3 tag"),
        (b"ID3\x04\0\0\0\0\0\x04" + bytes(300), "no frame"),
        (b"RIFF\x24\0\0\0WAVEdata\x04\0\0\0" + bytes(16), "does not say how"),
        (b"RIFF\x24\0\0\0WAVE" + b"junk\0\0\0\0" * 300, "parts before its samples"),
        (b"RIFF\x24\0\0\0WAVEjunk\xff\xff\xff\x7f" + bytes(16), "ends before its samples"),
        (wave_header(16000), "no samples"),
        (form(1, 0, 16000, 16, bytes(64)), "claims 0 channels"),
        (form(1, 33, 16000, 16, bytes(66)), "claims 33 channels"),
        (form(1, 1, 0, 16, bytes(64)), "claims 0 samples"),
        (form(1, 1, 4_000_000_000, 16, bytes(64)), "claims 4000000000 samples"),
        (form(1, 1, 16000, 16, bytes(64), frame_bytes=0), "claims 0 bytes"),
        (form(1, 1, 16000, 12, bytes(64)), "1 with 12 bits"),
        (form(2, 1, 16000, 4, bytes(64)), "2 with 4 bits"),
        (form(3, 1, 16000, 32, np.array([0, np.nan], "<f4").tobytes()), "not numbers"),
    ],
)
def test_what_is_no_recording_says_why(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_a_file_of_silence_for_years_is_refused() -> None:
    flac = bytearray(recordings()["FLAC"])
    flac[21] |= 0x0F
    flac[22:26] = b"\xff" * 4  # 2^36 - 1 samples

    assert "more than 24 hours" in refusal(bytes(flac))


def test_a_file_type_without_its_extra_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(EngineError) as raised:
        Recording(b"\x00\x00\x00\x18ftypM4A " + bytes(200))

    assert raised.value.reason == ErrorReason.FORMAT_UNAVAILABLE
    assert raised.value.metadata == {"format": "M4A", "package": "funland[aac]"}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The file with some of it changed, left out or doubled."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 3, 20])):
        where = rng.randrange(len(changed) if rng.random() < 0.5 else min(200, len(changed)))
        match rng.randrange(4):
            case 0:
                changed[where] = rng.randrange(256)
            case 1:
                changed[where] ^= 1 << rng.randrange(8)
            case 2:
                del changed[where : where + rng.randrange(1, 64)]
            case _:
                changed[where:where] = changed[where : where + 32]
    return bytes(changed)


_HEARER = """
import sys
from pathlib import Path
from funland.v1.errors_pb2 import ErrorReason
from funland_worker.audio.decoding import decoded
from funland_worker.engines.protocol import EngineError

for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        print(path.name, sum(map(len, decoded(path))), flush=True)
    except EngineError as error:
        print(path.name, ErrorReason.Name(error.reason), flush=True)
"""


def test_no_process_is_lost_to_200_damaged_files(tmp_path: Path) -> None:
    rng = random.Random(16)  # noqa: S311 - no secret
    for number in range(200):
        data = mutated(recordings()[KINDS[number % len(KINDS)]], rng)
        (tmp_path / f"{number:03}").write_bytes(data)

    heard = subprocess.run(
        [sys.executable, "-c", _HEARER, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert heard.returncode == 0, heard.stderr
    outcomes = [line.split()[1] for line in heard.stdout.splitlines()]
    assert len(outcomes) == 200
    assert 10 < outcomes.count("AUDIO_INVALID") < 190
    assert all(outcome.isdigit() or outcome == "AUDIO_INVALID" for outcome in outcomes)


_MEASURER = """
import resource, sys
from pathlib import Path
from funland_worker.audio.decoding import decoded

list(decoded(Path(sys.argv[1]), 8000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
samples = sum(map(len, decoded(Path(sys.argv[2]), 8000)))
print(samples / 8000, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.parametrize("format_", [SynthesizeRequest.WAV, SynthesizeRequest.FLAC])
def test_two_hours_are_read_in_bounded_memory(
    format_: SynthesizeRequest.Format.ValueType, tmp_path: Path
) -> None:
    minute = tone(60, 8000)
    sound = encoder(format_, 8000)
    (short := tmp_path / "short").write_bytes(written(format_, minute, 8000))
    with (long := tmp_path / "long").open("wb") as file:
        for _ in range(120):
            file.write(sound.write(minute))
        file.write(sound.close())

    told = subprocess.run(
        [sys.executable, "-c", _MEASURER, str(short), str(long)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    seconds, mebibytes = told.stdout.split()
    assert float(seconds) == 7200
    assert int(mebibytes) < 40
