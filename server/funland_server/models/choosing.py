"""Chooses what to install of a model for this machine (ADR 0061)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from funland.v1.models_pb2 import Footprint, LoadSettings, Model
from funland_server.models.formats.gguf_cache import reads_whole_texts
from funland_server.models.formats.header import CacheFacts
from funland_server.models.formats.quantizations import Quantization, Worth, is_outdated
from funland_server.models.formats.quantizations import quantization as known_quantization
from funland_server.models.loading.engines import CONVERTED_ARCHITECTURES, READERS, Engine
from funland_server.models.loading.footprint import footprint
from funland_server.models.loading.sizes import Sizes

_MARGIN: Final = 1.1
"""What is estimated from a hub's words, and what is free now, may both be other at the load."""

# Of usual models of a number of weights: a cache of 16-bit numbers grows with their root, an
# embedding with their cubic root. Both are rather too large.
_USUAL_WEIGHTS: Final = 8e9
_USUAL_CACHE: Final = 131_072
_USUAL_EMBEDDING: Final = 4096

_FORMATS: Final = (Model.GGUF, Model.OPENVINO_IR, Model.CTRANSLATE2, Model.SAFETENSORS)
"""The preferred one first: llama.cpp does most with least memory, and computes on most devices."""
_NAMES: Final = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "OpenVINO",
    LoadSettings.CTRANSLATE2: "CTranslate2",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What can be installed of a model, as far as it is known without its files."""

    name: str
    """What people call it: a quantization, a path, a tag."""
    format: Model.Format.ValueType
    quantization: str = ""
    """By llama.cpp's name, in any case; empty: unknown."""
    size_bytes: int | None = None
    """All files together."""
    architecture: str = ""
    parameter_count: int | None = None
    context_length: int | None = None
    """What the model was trained for, in tokens."""
    embedding_length: int | None = None
    layers: int | None = None
    key_value_heads: int | None = None
    head_length: int | None = None


@dataclass(frozen=True, slots=True)
class Spare:
    """An accelerator with a memory of its own that loads get unasked."""

    device_id: str
    available_bytes: int
    """What a model can take of it, all that are idle unloaded."""
    engines: frozenset[Engine]
    """Those that compute there."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What loads have here."""

    available_bytes: int
    """What a model can take of the memory, all that are idle unloaded."""
    engines: frozenset[Engine]
    """Those that are installed."""
    slots: int
    """How many calls a model answers at once."""
    max_context_length: int
    """The longest context that a model gets unasked."""
    spares: tuple[Spare, ...] = ()
    """In the order in which they are used."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate, and how it would do here."""

    candidate: Candidate
    footprint: Footprint | None
    """None if its size is not known."""
    loadable: bool
    """Whether an engine that is installed reads it."""
    fits: bool
    """Whether it fits into what is free of the machine's memory or of one accelerator's, with a
    tenth to spare. False if that is not known."""
    reason: str
    """Why it stands where it does, in a sentence."""


def choose(
    candidates: Iterable[Candidate],
    machine: Machine,
    *,
    context_length: int | None = None,
    model_format: Model.Format.ValueType = Model.FORMAT_UNSPECIFIED,
) -> list[Choice]:
    """The candidates, the best for the machine first.

    What an installed engine loads comes first; of that what fits; of that GGUF before other
    formats; of that the largest quantization up to Q8_0. Larger ones (F16, BF16, F32) come after
    these, since nobody could measure what they have more, and those below three bits (Q2, IQ1)
    last. Where nothing fits, the smallest comes first.

    Args:
        candidates: What there is.
        machine: What it has.
        context_length: What calls are to have, in tokens; None: what a load takes unasked.
        model_format: Only these; unspecified: all.
    """
    wanted = [one for one in candidates if model_format in (Model.FORMAT_UNSPECIFIED, one.format)]
    rated = [_Rated(one, machine, context_length) for one in wanted]
    rated.sort(key=lambda one: one.order)
    return [one.choice(first=one is rated[0], all_=rated) for one in rated]


class _Rated:
    """A candidate with what its place depends on."""

    def __init__(self, candidate: Candidate, machine: Machine, context: int | None) -> None:
        self._machine = machine
        self.candidate = candidate
        self.known = known_quantization(candidate.quantization)
        self.obstacle = _obstacle(candidate, machine)
        self.parts = _parts(candidate, self.known, machine, context)
        self.spare = self._spare()
        self.fits = (
            self.parts is not None
            and (
                self.spare is not None
                or self.parts.total_bytes * _MARGIN <= machine.available_bytes
            )
            and not self.obstacle
        )
        self.worth = self.known.worth if self.known else Worth.GOOD

    @property
    def order(self) -> tuple[float | str, ...]:
        size = self.candidate.size_bytes
        last = (-(size or 0), self.candidate.name)
        if not self.fits:
            return (bool(self.obstacle), True, math.inf if size is None else size, *last)
        rank = self.known.rank if self.known else math.inf
        return (False, False, _FORMATS.index(self.candidate.format), self.worth, rank, *last)

    def choice(self, *, first: bool, all_: list[_Rated]) -> Choice:
        return Choice(
            candidate=self.candidate,
            footprint=self.parts,
            loadable=not self.obstacle,
            fits=self.fits,
            reason=f"{self.candidate.name}: {self._why(all_) if first else self._how()}.",
        )

    def _spare(self) -> Spare | None:
        """The accelerator that has room for all but the process."""
        if self.parts is None:
            return None
        needed = (self.parts.total_bytes - self.parts.process_bytes) * _MARGIN
        readers = READERS.get(self.candidate.format, ())
        able = (one for one in self._machine.spares if one.engines.intersection(readers))
        return next((one for one in able if needed <= one.available_bytes), None)

    def _why(self, all_: list[_Rated]) -> str:
        """Why it comes first."""
        others = [one for one in all_ if one is not self and not one.obstacle]
        if self.obstacle or self.parts is None or not others:
            return self._how()
        return f"{self._merit(others)}: {self._room()}"

    def _merit(self, others: list[_Rated]) -> str:
        """What it has that the others have not."""
        same = [one for one in others if one.candidate.format == self.candidate.format]
        if not self.fits:
            merit = "the smallest, since nothing fits"
        elif not same:
            merit = f"{Model.Format.Name(self.candidate.format)} goes before what else there is"
        elif self.worth == Worth.POOR:
            merit = "poor, but nothing better fits"
        elif self.worth == Worth.WASTEFUL:
            merit = "the smallest that is not poor"
        elif all(one.worth != Worth.GOOD for one in same if _larger(one, self)) and any(
            one.worth == Worth.WASTEFUL for one in same
        ):
            merit = "the largest quantization that gains anything, and it fits"
        else:
            merit = "the largest quantization that fits"
        return merit

    def _how(self) -> str:
        """How it does, whatever the others do."""
        if self.obstacle:
            return self.obstacle
        if self.parts is None:
            return "its size is not known, so nobody can say whether it fits"
        return f"{'it fits' if self.fits else 'it does not fit'}: {self._room()}"

    def _room(self) -> str:
        if self.parts is None:
            return ""
        available, where = self._machine.available_bytes, ""
        if self.spare is not None:
            available, where = self.spare.available_bytes, f" on {self.spare.device_id}"
        return (
            f"about {self.parts.total_bytes / 1e9:.1f} of {available / 1e9:.1f}"
            f" GB free{where}, with a context of {self.parts.context_length:,} tokens"
        )


def _larger(one: _Rated, other: _Rated) -> bool:
    return (one.candidate.size_bytes or 0) > (other.candidate.size_bytes or 0)


def _obstacle(candidate: Candidate, machine: Machine) -> str:
    """Why no engine here loads it; empty: one does."""
    readers = READERS.get(candidate.format, ())
    if not readers:
        return "Funland does not read its format"
    if is_outdated(candidate.quantization):
        return "llama.cpp does not read this quantization any more"
    if not machine.engines.intersection(readers):
        return f"{_NAMES[readers[0]]}, which would load it, is not installed"
    converted = candidate.format == Model.SAFETENSORS and candidate.architecture
    if converted and candidate.architecture not in CONVERTED_ARCHITECTURES:
        return f"no engine here loads safetensors of the architecture {candidate.architecture}"
    return ""


def _parts(
    candidate: Candidate, known: Quantization | None, machine: Machine, context: int | None
) -> Footprint | None:
    if candidate.size_bytes is None:
        return None
    weights = candidate.parameter_count
    if not weights:
        weights = int(candidate.size_bytes * 8 / (known.bits if known else 4.0))
    settings = LoadSettings(slots=machine.slots, context_length=context)
    whole = candidate.format == Model.GGUF and reads_whole_texts(candidate.architecture)
    cache = 0 if whole else _cache_bytes(candidate)
    if cache is None:
        cache = int(_USUAL_CACHE * (weights / _USUAL_WEIGHTS) ** (1 / 2))
    embedding = candidate.embedding_length
    if embedding is None:
        embedding = int(_USUAL_EMBEDDING * (weights / _USUAL_WEIGHTS) ** (1 / 3))
    facts = CacheFacts(heads=0, unified=False, whole_texts=whole)
    length = candidate.context_length or 0
    model = Sizes(
        candidate.size_bytes, cache, embedding, length, cache=facts, writes_text=not whole
    )
    return footprint(model, settings, machine.max_context_length)


def _cache_bytes(candidate: Candidate) -> int | None:
    """What a token's keys and values take as 16-bit numbers; None if the hub does not tell."""
    shape = (candidate.layers, candidate.key_value_heads, candidate.head_length)
    if any(one is None for one in shape):
        return None
    return 4 * math.prod(one for one in shape if one is not None)
