"""Makes damaged GGUF files out of whole ones; a mutant's number fixes its bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.fuzz.layout import Layout, Part, Span, layout

_MOST_CHANGES = 3
_WIDTHS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
_EDGES = (
    0, 1, 2, 3, 7, 16, 31, 33, 64, 255, 256, 1023, 65_535, 65_536, 10**6, 2**31 - 1, 2**31,
    2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, float("inf"), float("-inf"), float("nan"))
_TYPES = (*range(45), 99, 2**31, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Origin:
    """A whole file that mutants are made of."""

    name: str
    content: bytes
    layout: Layout

    @classmethod
    def of(cls, name: str, content: bytes) -> Origin:
        """Reads where its parts are."""
        return cls(name, content, layout(content))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file, and what was done to it."""

    number: int
    content: bytes
    story: str


Change = Callable[[random.Random, bytearray, Origin], str]


def mutant(number: int, origins: Sequence[Origin]) -> Mutant:
    """The mutant of that number: one of the origins with one to three changes."""
    chance = random.Random(number)  # noqa: S311 - the same mutants each time
    origin = chance.choice(origins)
    content, story = _changed(chance, origin)
    while content == origin.content:  # what was written over may have been the same
        content, story = _changed(chance, origin)
    return Mutant(number, content, f"{origin.name}: {story}")


def _changed(chance: random.Random, origin: Origin) -> tuple[bytes, str]:
    content = bytearray(origin.content)
    changes = chance.choices(list(CHANGES), list(CHANGES.values()), k=_few(chance))
    # What moves bytes comes last: the others know the parts by their places.
    changes.sort(key=lambda change: change in _MOVING)
    story = ", ".join(change(chance, content, origin) for change in changes)
    return bytes(content), story


def _number(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A number of the metadata becomes one at the edge of something."""
    span = _pick(chance, origin, Part.NUMBER)
    size = span.end - span.begin
    if size == 4 and chance.random() < 0.2:  # noqa: PLR2004 - a number of four bytes may be a float
        value = chance.choice(_FLOATS)
        struct.pack_into("<f", content, span.begin, value)
        return f"{span.label} = {value}"
    return f"{span.label} = {_edge(chance, content, span)}"


def _count(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A count or a length lies."""
    span = _pick(chance, origin, Part.COUNT, Part.LENGTH, Part.DIMENSIONS)
    return f"{span.part.name} of {span.label} = {_near(chance, content, span)}"


def _shape(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A tensor's shape or place changes."""
    span = _pick(chance, origin, Part.DIMENSION, Part.OFFSET)
    return f"{span.part.name} of {span.label} = {_near(chance, content, span)}"


def _type(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A value or a tensor becomes of another type."""
    span = _pick(chance, origin, Part.TYPE, Part.TENSOR_TYPE)
    kind = chance.choice(_TYPES)
    struct.pack_into("<I", content, span.begin, kind)
    return f"{span.part.name} of {span.label} = {kind}"


def _text(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A key, a name or a text has other bytes."""
    span = _pick(chance, origin, Part.KEY, Part.TEXT, Part.TENSOR_NAME)
    for place in range(span.begin, span.end):
        if chance.random() < 2 / max(span.end - span.begin, 2):
            content[place] = chance.choice((0, 0x7F, 0x80, 0xFF, ord("a"), ord("{"), ord("\n")))
    return f"{span.part.name} of {span.label}"


def _twin(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A part is written over another of its kind and size: keys, tokens and names come twice."""
    span = chance.choice([each for each in origin.layout.spans if each.end > each.begin])
    others = [
        each
        for each in origin.layout.spans
        if each.part is span.part and each.end - each.begin == span.end - span.begin
    ]
    other = chance.choice(others)
    content[other.begin : other.end] = content[span.begin : span.end]
    return f"{span.part.name} of {span.label} over that of {other.label}"


def _items(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """Items of an array of numbers change, such as the tokens' types."""
    spans = [span for span in origin.layout.spans if span.part is Part.ITEMS]
    span = chance.choice(spans)
    for _ in range(chance.randint(1, 16)):
        place = chance.randrange(span.begin, span.end - 3)
        struct.pack_into("<I", content, place, chance.choice(_EDGES) & 0xFFFFFFFF)
    return f"items of {span.label}"


def _flips(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """Bits flip in the header."""
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(origin.layout.end)] ^= 1 << chance.randrange(8)
    return "bits of the header"


def _weights(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """Bytes of the weights become what is not a number, or random."""
    for _ in range(chance.randint(1, 64)):
        place = chance.randrange(origin.layout.end, len(content) - 8)
        content[place : place + 8] = chance.choice((b"\xff" * 8, bytes(8), chance.randbytes(8)))
    return "bytes of the weights"


def _cut(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """The file ends early."""
    end = chance.choice((origin.layout.end, len(content)))
    del content[chance.randrange(end) :]
    return f"cut to {len(content)} bytes"


def _splice(chance: random.Random, content: bytearray, origin: Origin) -> str:
    """A piece of the header is taken out, doubled, or put elsewhere."""
    end = min(origin.layout.end, len(content))
    begin = chance.randrange(end)
    piece = bytes(content[begin : begin + chance.choice((1, 4, 8, 64, 1024))])
    if chance.random() < 0.5:  # noqa: PLR2004 - as often as not
        del content[begin : begin + len(piece)]
    place = chance.randrange(min(end, len(content)) + 1)
    if chance.random() < 0.7:  # noqa: PLR2004 - more often than not
        content[place:place] = piece
    return f"{len(piece)} bytes from {begin} to {place}"


_MOVING = (_cut, _splice)

CHANGES: dict[Change, int] = {
    _number: 6,
    _count: 4,
    _shape: 4,
    _type: 3,
    _text: 3,
    _twin: 3,
    _items: 1,
    _flips: 4,
    _weights: 1,
    _cut: 2,
    _splice: 3,
}
"""Every change, and how often it is made."""


def _few(chance: random.Random) -> int:
    return chance.choice((1, 1, chance.randint(1, _MOST_CHANGES)))


def _pick(chance: random.Random, origin: Origin, *parts: Part) -> Span:
    """A span of one of these parts. Each label is as likely as another: a vocabulary has thousands
    of spans and would else be hit always."""
    labels: dict[str, list[Span]] = {}
    for span in origin.layout.spans:
        if span.part in parts and span.end > span.begin:
            labels.setdefault(span.label, []).append(span)
    return chance.choice(labels[chance.choice(list(labels))])


def _edge(chance: random.Random, content: bytearray, span: Span) -> int:
    size = span.end - span.begin
    value = chance.choice(_EDGES) & (256**size - 1)
    struct.pack_into(_WIDTHS[size], content, span.begin, value)
    return value


def _near(chance: random.Random, content: bytearray, span: Span) -> int:
    """A value close to the right one, or one at the edge of something."""
    if chance.random() < 0.5:  # noqa: PLR2004 - as often as not
        return _edge(chance, content, span)
    form = _WIDTHS[span.end - span.begin]
    (right,) = struct.unpack_from(form, content, span.begin)
    near = (right + 1, right - 1, right * 2, right // 2, right ^ 32)
    value = chance.choice(near) & (256 ** (span.end - span.begin) - 1)
    struct.pack_into(form, content, span.begin, value)
    return value
