"""Reads the part of SSML that voices can do; all else is refused by name.

The text is a stranger's: entities and document types are refused, and depth, elements and pauses
are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from xml.parsers import expat

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.speech import prosody
from funland_worker.speech.script import Manner, Passage
from funland_worker.speech.sentences import PARAGRAPH_PAUSE
from funland_worker.speech.spelling import spelled
from funland_worker.speech.voicing import Voice

MOST_ELEMENTS: Final = 100_000
DEEPEST: Final = 32
LONGEST_PAUSE: Final = 10.0
LONGEST_PAUSES: Final = 600.0
"""Seconds, of one and of all that a text asks for."""
_SPEEDS, _PITCHES, _GAINS = (0.25, 4.0), (0.5, 2.0), (0.0, 4.0)
_TOLD: Final = 64
_SPACES: Final = re.compile(r"\s+")
_STOPPED: Final = re.compile(r"[.!?…。！？:;][\"'”’)\]]*\s*$")

_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "speak": frozenset({"version", "xml:lang", "xml:base"}),
    "p": frozenset({"xml:lang"}),
    "s": frozenset({"xml:lang"}),
    "break": frozenset({"time", "strength"}),
    "prosody": frozenset({"rate", "pitch", "volume"}),
    "say-as": frozenset({"interpret-as"}),
    "sub": frozenset({"alias"}),
    "emphasis": frozenset({"level"}),
    "lang": frozenset({"xml:lang"}),
    "voice": frozenset({"name", "xml:lang"}),
}
"""The elements that there are, and what each may say."""
_TEXT_ALONE: Final = frozenset({"say-as", "sub"})
_SPELLED: Final = frozenset({"characters", "spell-out", "verbatim", "digits"})


def passages(text: str, manner: Manner, voices: Sequence[Voice]) -> list[Passage]:
    """The passages of a document; `manner` is that of what says nothing of it.

    Raises:
        EngineError: SSML_INVALID.
    """
    reader = _Reader(manner, voices)
    # No entity but XML's own is known without a document type, and that is refused.
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    parser.StartDoctypeDeclHandler = _no_type
    parser.ProcessingInstructionHandler = _no_instruction
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise invalid(f"It is no XML: {expat.ErrorString(error.code)} ({where}).") from None
    return reader.passages


def invalid(message: str, element: str = "") -> EngineError:
    """The failure of a document."""
    if not element:
        return EngineError(ErrorReason.SSML_INVALID, message)
    return EngineError(ErrorReason.SSML_INVALID, message, element=element[:_TOLD])


@dataclass(frozen=True, slots=True)
class _Open:
    """An element that is open."""

    name: str
    manner: Manner
    read: Callable[[str], str]
    """What is said for its text."""


class _Reader:
    """Makes passages of what the parser finds."""

    def __init__(self, manner: Manner, voices: Sequence[Voice]) -> None:
        self.passages: list[Passage] = []
        self._voices = voices
        self._first = manner
        self._open: list[_Open] = []
        self._said: list[str] = []
        self._elements = 0
        self._pauses = 0.0

    @property
    def _manner(self) -> Manner:
        return self._open[-1].manner if self._open else self._first

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._elements += 1
        self._check(name, attributes)
        manner, read = self._manner, str
        match name:
            case "break":
                self._pause(attributes)
            case "sub":
                if "alias" not in attributes:
                    raise invalid("<sub> has no `alias`.", name)
                self.say(attributes["alias"])
                read = _nothing
            case "say-as":
                read = _reading(attributes.get("interpret-as", ""))
            case _:
                manner = self._changed(name, attributes)
        if name in ("p", "s"):
            self._flush(joined=False)
        elif manner != self._manner:
            self._flush(joined=True)
        self._open.append(_Open(name, manner, read))

    def end(self, name: str) -> None:
        """An element ends."""
        closed = self._open[-1]
        if name in ("p", "s"):
            self._flush(joined=False)
            if name == "p":
                self._silence(PARAGRAPH_PAUSE)
        elif name == "speak" or closed.manner != (
            self._open[-2].manner if len(self._open) > 1 else self._first
        ):
            self._flush(joined=name != "speak")
        self._open.pop()

    def say(self, text: str) -> None:
        """A text within the elements that are open."""
        said = self._open[-1].read(text) if self._open else text
        if said:
            self._said.append(said)

    def _check(self, name: str, attributes: Mapping[str, str]) -> None:
        if name not in _ATTRIBUTES:
            raise invalid(f"<{name[:_TOLD]}> is not supported; {_KNOWN}.", name)
        if (name == "speak") == bool(self._open):
            raise invalid("The text must be one <speak> element.", name)
        if len(self._open) >= DEEPEST:
            raise invalid(f"Elements lie within each other deeper than {DEEPEST}.", name)
        if self._elements > MOST_ELEMENTS:
            raise invalid(f"There are more than {MOST_ELEMENTS} elements; send it in parts.", name)
        if self._open and self._open[-1].name in _TEXT_ALONE | {"break"}:
            raise invalid(f"<{self._open[-1].name}> can't hold <{name}>.", name)
        for attribute in attributes:
            foreign = name == "speak" and attribute.startswith(("xmlns", "xsi:"))
            if attribute not in _ATTRIBUTES[name] and not foreign:
                raise invalid(f"<{name}> can't have `{attribute[:_TOLD]}` here.", name)

    def _changed(self, name: str, attributes: Mapping[str, str]) -> Manner:
        """The present manner as an element changes it."""
        manner = self._manner
        if (chosen := attributes.get("name")) is not None:
            manner = replace(manner, voice=self._voice(chosen))
        if (language := attributes.get("xml:lang")) is not None:
            manner = replace(manner, voice=self._speaking(name, language, manner.voice))
        if name == "emphasis":
            level = attributes.get("level", "moderate")
            if level not in prosody.EMPHASES:
                raise invalid(f"`level` of <emphasis> can't be {level[:_TOLD]!r}.", name)
            speed, pitch, gain = prosody.EMPHASES[level]
            return _within(manner, name, speed, pitch, gain)
        if name == "prosody":
            speed = _value("rate", attributes, prosody.rate)
            pitch = _value("pitch", attributes, prosody.pitch)
            gain = _value("volume", attributes, prosody.volume)
            return _within(manner, name, speed, pitch, gain)
        return manner

    def _voice(self, name: str) -> Voice:
        for voice in self._voices:
            if voice.name == name.rpartition(":")[2]:
                return voice
        raise invalid(f"The model that speaks has no voice {name[:_TOLD]!r}.", "voice")

    def _speaking(self, element: str, language: str, present: Voice) -> Voice:
        for voice in (present, *self._voices):
            if _primary(voice.language) == _primary(language):
                return voice
        raise invalid(
            f"The model that speaks has no voice for the language {language[:_TOLD]!r}.", element
        )

    def _pause(self, attributes: Mapping[str, str]) -> None:
        length = prosody.PAUSES.get(attributes.get("strength", "medium"))
        if "time" in attributes:
            length = prosody.seconds(attributes["time"])
        if length is None or length > LONGEST_PAUSE:
            raise invalid(
                f"<break> has a `time` of {LONGEST_PAUSE:g}s at most, such as `500ms` or `2s`, or a"
                f" `strength`, one of {', '.join(prosody.PAUSES)}.",
                "break",
            )
        self._pauses += length
        if self._pauses > LONGEST_PAUSES:
            raise invalid(f"All <break>s together are longer than {LONGEST_PAUSES:g}s.", "break")
        self._flush(joined=True)
        self._silence(length)

    def _silence(self, length: float) -> None:
        self.passages.append(Passage("", self._manner, pause=length))

    def _flush(self, *, joined: bool) -> None:
        """Makes a passage of what was said by now; `joined` says that a sentence may go on."""
        text = _SPACES.sub(" ", "".join(self._said))
        self._said.clear()
        if text.strip():
            goes_on = joined and not _STOPPED.search(text[-_TOLD:])
            self.passages.append(Passage(text, self._manner, joined=goes_on))


_KNOWN: Final = "supported are " + ", ".join(f"<{name}>" for name in _ATTRIBUTES)


def _within(manner: Manner, element: str, speed: float, pitch: float, gain: float) -> Manner:
    changed = replace(
        manner, speed=manner.speed * speed, pitch=manner.pitch * pitch, gain=manner.gain * gain
    )
    for what, value, (least, most) in (
        ("rate", changed.speed, _SPEEDS),
        ("pitch", changed.pitch, _PITCHES),
        ("volume", changed.gain, _GAINS),
    ):
        if not least <= value <= most:
            raise invalid(
                f"The {what} within <{element}> would be {value:.3g} of the voice's own; it can be"
                f" {least:g} to {most:g}.",
                element,
            )
    return changed


def _value(name: str, attributes: Mapping[str, str], read: Callable[[str], float | None]) -> float:
    if name not in attributes:
        return 1.0
    if (value := read(attributes[name].strip())) is None:
        raise invalid(f"`{name}` of <prosody> can't be {attributes[name][:_TOLD]!r}.", "prosody")
    return value


def _reading(kind: str) -> Callable[[str], str]:
    if kind not in _SPELLED:
        raise invalid(
            f"`interpret-as` of <say-as> can't be {kind[:_TOLD]!r}; it can be"
            f" {', '.join(sorted(_SPELLED))}. Others are read as they are: leave <say-as> out.",
            "say-as",
        )
    return spelled


def _nothing(_: str) -> str:
    return ""


def _primary(language: str) -> str:
    return re.split("[-_]", language.lower())[0]


def _no_type(*_: object) -> None:
    raise invalid("A document type is not supported.", "!DOCTYPE")


def _no_instruction(target: str, _: str) -> None:
    raise invalid(f"The processing instruction {target[:_TOLD]!r} is not supported.", target)
