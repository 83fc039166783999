"""Tells how a recording is written, and checks its first bytes before a library sees them."""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final

from funland_worker.audio.sound import Sound, check, invalid

HEAD_BYTES: Final = 128 << 10
"""How many of a file's first bytes are looked at."""
_LEAST_BYTES: Final = 16


class Container(StrEnum):
    """How a recording is written."""

    WAV = "WAV"
    FLAC = "FLAC"
    OGG = "Ogg"
    MP3 = "MP3"
    MP4 = "M4A"
    WEBM = "WebM"
    AAC = "AAC"


_MAGICS: Final = (
    (b"WAVE", 8, Container.WAV),
    (b"fLaC", 0, Container.FLAC),
    (b"OggS", 0, Container.OGG),
    (b"\x1aE\xdf\xa3", 0, Container.WEBM),
    (b"ftyp", 4, Container.MP4),
    (b"ID3", 0, Container.MP3),
)
"""What files begin with, and where."""


def container(head: bytes) -> Container:
    """How a file is written that begins so, by what it says itself; names and media types lie.

    Raises:
        EngineError: AUDIO_INVALID: nothing that is read begins so.
    """
    if len(head) < _LEAST_BYTES:
        raise invalid(f"{len(head)} bytes are no recording.")
    for magic, place, kind in _MAGICS:
        if head[place : place + len(magic)] == magic:
            return kind
    if _mp3_rate(head[:4]):
        return Container.MP3
    if head[0] == 0xFF and head[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - ADTS: a sync, layer 0
        return Container.AAC
    raise invalid(
        "It begins like no sound that is read: WAV, FLAC, MP3, Ogg with Opus or Vorbis, M4A, AAC,"
        " WebM. Samples without a header are not a file; give them one, such as WAV's."
    )


def check_head(kind: Container, head: bytes, size: int) -> None:
    """Checks what the first bytes of a file of `size` bytes claim.

    Raises:
        EngineError: AUDIO_INVALID.
    """
    match kind:
        case Container.FLAC:
            _check_flac(head)
        case Container.OGG:
            _check_ogg(head)
        case Container.MP3:
            _check_mp3(head, size)
        case _:
            pass


def _check_flac(head: bytes) -> None:
    """STREAMINFO (RFC 9639, 8.2)."""
    kind, length = head[4] & 0x7F, int.from_bytes(head[5:8])
    if kind != 0 or length != 34 or len(head) < 42:  # noqa: PLR2004 - as the RFC has it
        raise invalid("The FLAC file does not begin with what says how it is written.")
    least, most = struct.unpack(">HH", head[8:12])
    packed = int.from_bytes(head[18:26])
    rate, channels = packed >> 44, (packed >> 41 & 7) + 1
    total = packed & (1 << 36) - 1
    if not 16 <= least <= most or packed >> 36 & 31 < 3:  # noqa: PLR2004 - as the RFC has it
        raise invalid("The FLAC file claims blocks or samples of a size that can't be.")
    check(Sound(Container.FLAC, rate, channels, total / rate if rate and total else None))


def _check_ogg(head: bytes) -> None:
    """The first page's packet (RFC 3533, RFC 7845, the Vorbis I specification 4.2.2)."""
    if len(head) < 28 or head[4] != 0 or not head[5] & 2:  # noqa: PLR2004 - a page's header
        raise invalid("The Ogg file does not begin with a first page.")
    packet = head[27 + head[26] :][: sum(head[27 : 27 + head[26]])]
    if packet[:8] == b"OpusHead" and len(packet) >= 19:  # noqa: PLR2004 - as the RFC has it
        check(Sound("Opus", 48_000, packet[9]))
    elif packet[:7] == b"\x01vorbis" and len(packet) >= 30:  # noqa: PLR2004 - as it is written
        check(Sound("Vorbis", int.from_bytes(packet[12:16], "little"), packet[11]))
    else:
        raise invalid("The Ogg file has neither Opus nor Vorbis in it.")


def _check_mp3(head: bytes, size: int) -> None:
    """A frame's header within what may stand before it."""
    start = 0
    while head[start : start + 3] == b"ID3":
        length = head[start + 6 : start + 10]
        if len(length) < 4 or any(byte > 127 for byte in length):  # noqa: PLR2004 - syncsafe
            raise invalid("The MP3 file's ID3 tag is damaged.")
        start += 10 + sum(byte << shift for byte, shift in zip(length, (21, 14, 7, 0), strict=True))
        if start >= size:
            raise invalid("The MP3 file has nothing but an ID3 tag, or not all of that.")
    if start + 4 > len(head):  # a picture in the tag; the decoder looks for the frame behind it
        return
    window = head[start:]
    if not any(_mp3_rate(window[i : i + 4]) for i in range(len(window) - 3) if window[i] == 0xFF):  # noqa: PLR2004 - a sync
        raise invalid("The MP3 file has no frame where one must be.")


_MP3_RATES: Final = (44100, 48000, 32000)


def _mp3_rate(header: bytes) -> int:
    """The sample rate of a frame of layer III that begins so (ISO 11172-3, 2.4.2.3); 0: none
    does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - a sync
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer != 1 or bits in (0, 15) or rate == 3:  # noqa: PLR2004 - reserved
        return 0
    return _MP3_RATES[rate] >> (0 if version == 3 else 1 if version == 2 else 2)  # noqa: PLR2004 - MPEG-1, 2, 2.5
