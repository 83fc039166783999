"""What every engine is: one model, and all its sequences advanced together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Finish


class EngineError(Exception):
    """Something that a caller is told, in the contract's words."""

    def __init__(self, reason: ErrorReason.ValueType, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class Sampling:
    """`funland.v1.SamplingParameters` with its defaults filled in."""

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    penalty_window: int = 64
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    logit_bias: dict[int, float] = field(default_factory=dict[int, float])
    ignore_end: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sequence to start: what it begins with and how it goes on."""

    sequence_id: int
    tokens: Sequence[int]
    sampling: Sampling
    arrival: float
    """When it came, by `time.monotonic()`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sequence ended; times in milliseconds."""

    reason: Finish.Reason.ValueType
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    queue_ms: float
    prompt_ms: float
    decode_ms: float


@dataclass(frozen=True, slots=True)
class Advance:
    """What one step brought for one sequence."""

    sequence_id: int
    text: str
    tokens: int
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one forward pass did."""

    advances: list[Advance]
    decoded_sequences: int
    prompt_tokens: int
    active_sequences: int
    waiting_sequences: int


class Engine(Protocol):
    """Holds one model and advances all its sequences together.

    Every method but `tokenize` and `detokenize` is for one thread alone.
    """

    context_length: int
    slots: int
    threads: int
    vocabulary_size: int

    def submit(self, prompt: Prompt) -> None:
        """Puts a sequence in the queue. Its tokens must be at most `context_length - 1`."""
        ...

    def cancel(self, sequence_id: int) -> None:
        """Ends a sequence at once; one that is not there is passed over."""
        ...

    @property
    def idle(self) -> bool:
        """Whether no sequence runs or waits, so that `step` would do nothing."""
        ...

    def step(self) -> StepReport:
        """Advances the sequences by one forward pass, which releases the GIL."""
        ...

    def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """The unit vectors of tokenized texts, each at most `context_length` long."""
        ...

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text."""
        ...

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of tokens; raises `EngineError` for one that is not in the vocabulary."""
        ...
