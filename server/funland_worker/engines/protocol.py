"""What every engine is: one model, and all its sequences advanced together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest, Finish, GenerationOptions, Speculation
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.background import Background, Crowd
from funland_worker.engines.media import MediaSpan


class EngineError(Exception):
    """Something that a caller is told, in the contract's words."""

    def __init__(
        self,
        reason: ErrorReason.ValueType,
        message: str,
        retry_seconds: float | None = None,
        **metadata: str,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_seconds = retry_seconds
        self.metadata = metadata


class ModelOutputError(EngineError):
    """The model computed what is not a number."""

    def __init__(self) -> None:
        super().__init__(
            ErrorReason.MODEL_OUTPUT_INVALID,
            "The model computed what is not a number: its file is damaged or badly quantized.",
        )


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
    min_tokens: int = 0
    stop_tokens: tuple[int, ...] = ()
    allowed_tokens: tuple[int, ...] = ()
    banned_texts: tuple[str, ...] = ()
    include_stop: bool = False


class Matcher(Protocol):
    """What one text may still be: the state of a grammar after the tokens so far."""

    def allows(self, token: int) -> bool:
        """Whether the text may go on with this token, or end if it is an end mark."""
        ...

    def mask(self, logits: NDArray[np.float32]) -> None:
        """Sets the scores of all tokens that are not allowed to minus infinity."""
        ...

    def accept(self, token: int) -> None:
        """Goes on by a token that is allowed."""
        ...

    def forced(self) -> Sequence[int]:
        """The tokens that come next, whatever the model says; none if it has a choice, or if the
        text may end."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing is left but to end."""
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text to write: what it begins with and how it goes on.

    The `n` texts of one sequence are a prompt each, with the same tokens; they are submitted one
    after the other, the first of them with `choice` 0.
    """

    sequence_id: int
    tokens: Sequence[int]
    sampling: Sampling
    arrival: float
    """When it came, by `time.monotonic()`."""
    choice: int = 0
    """Which of the sequence's texts it is."""
    matcher: Matcher | None = None
    """What the text must be; None: anything. Belongs to this text alone."""
    top_logprobs: int | None = None
    """How many of the likeliest tokens to tell beside each token that is chosen; None: tell
    nothing of likelihood."""
    priority: GenerationOptions.Priority.ValueType = GenerationOptions.NORMAL
    adapters: tuple[tuple[str, float], ...] = ()
    """The adapters' ids and scales, ordered by id."""
    speculation: Speculation = field(default_factory=Speculation)
    shows_control: bool = False
    """Write control tokens out, for chat formats that mark calls with them."""
    banned: tuple[tuple[int, ...], ...] = ()
    """Runs of tokens, the last of which is never chosen behind the others: `banned_texts`."""
    prompt_logprobs: int | None = None
    """How many of the likeliest tokens to tell beside each token of the prompt; None: tell nothing
    of the prompt. Of a sequence's texts only the first has it."""
    progress: bool = False
    """Whether to tell how far the prompt is computed; of a sequence's texts the first alone."""
    lasting: bool = False
    """Whether what is computed of it may be kept for the time after the process."""
    media: tuple[MediaSpan, ...] = ()
    """The pictures and sounds that stand-ins among the tokens stand for, in their order, with their
    rows."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token, and the natural logarithm of its probability before temperature and filters."""

    token: int
    piece: bytes
    logprob: float | None
    """None for the first token of a prompt, which follows nothing."""
    top: tuple[TokenLogprob, ...] = ()
    """The likeliest tokens at its place, the likeliest first."""


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
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    stop: str = ""
    """The stop string that ended it; empty: none did."""


class Advance(
    NamedTuple
):  # one is made for each token: a frozen dataclass takes five times as long
    """What one step brought for one text."""

    sequence_id: int
    text: str
    tokens: int
    outcome: Outcome | None = None
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()
    """Those of the tokens that were chosen, if they were asked for."""

    def joined(self, later: Advance) -> Advance:
        """This advance and a later one of the same text, as one."""
        return later._replace(
            text=self.text + later.text,
            tokens=self.tokens + later.tokens,
            logprobs=self.logprobs + later.logprobs,
        )


@dataclass(frozen=True, slots=True)
class Prefill:
    """How far a prompt is computed, in tokens."""

    done: int
    """Those that are computed or were in the cache."""
    total: int
    cached: int
    """Those that were in the cache."""
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one forward pass did."""

    advances: list[Advance]
    decoded_sequences: int
    prompt_tokens: int
    active_sequences: int
    """How many texts hold a slot."""
    waiting_sequences: int
    cached_tokens: int = 0
    """How many tokens the KV cache holds, those shared by several texts once."""
    positions: tuple[tuple[int, int], ...] = ()
    """Sequences that wait and whose place in the queue changed, and that place: 1 is the next."""
    failures: tuple[tuple[int, EngineError], ...] = ()
    """Sequences that failed after they were submitted."""
    prefills: tuple[tuple[int, Prefill], ...] = ()
    """Sequences that want to know it and of whose prompt some was computed."""
    prompt_logprobs: tuple[tuple[int, tuple[TokenLogprob, ...]], ...] = ()
    """Sequences that want to know it and whose prompt is computed, and each of its tokens."""


class InfillMarks(NamedTuple):
    """The tokens before the parts of a text that has a gap."""

    prefix: int
    """What comes before the gap."""
    suffix: int
    """What comes after it."""
    middle: int
    """What fills it: the model goes on from here."""


class Vocabulary(Protocol):
    """A model's tokens. Its methods only read, so any thread may call them."""

    size: int
    """How many there are; the network may have rows for more."""
    end_tokens: frozenset[int]
    """Those with which the model may end a text."""
    infill: InfillMarks | None
    """None: it has none."""

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text: with the marks that the model wants around it, and with the marks
        that are written in it read as such."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of a token, control tokens as they are written."""
        ...

    def is_control(self, token: int) -> bool:
        """Whether a token is a mark, which is no part of the text."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether the model ends its text with this token."""
        ...


class Engine(Protocol):
    """Holds one model and advances all its sequences together.

    Methods are for one thread alone, but for `rank_pair` and `hurry`.
    """

    kind: LoadSettings.Engine.ValueType
    device: str
    context_length: int
    slots: int
    threads: int
    vocabulary: Vocabulary
    vocabulary_size: int
    """How many tokens a step scores, which may be more than the vocabulary names."""
    can_generate: bool
    can_rank: bool
    background: Background
    """Of this engine's passes. Jobs that nobody waits for ask it too."""

    def submit(self, prompt: Prompt) -> None:
        """Puts a text in the queue. Its tokens must be at most `context_length - 1`.

        Raises:
            EngineError: ADAPTER_NOT_FOUND, or ENGINE_UNSUPPORTED for what this engine can't do.
        """
        ...

    def cancel(self, sequence_id: int) -> None:
        """Ends all texts of a sequence at once; one that is not there is passed over."""
        ...

    @property
    def idle(self) -> bool:
        """Whether no sequence runs or waits, so that `step` would do nothing."""
        ...

    @property
    def crowd(self) -> Crowd:
        """Whom the next pass could compute; empty if nobody asks: no text that nobody waits for is
        there, nor such a job."""
        ...

    @property
    def only_background(self) -> bool:
        """Whether there are texts, and nobody waits for any of them."""
        ...

    def hurry(self) -> None:
        """Ends the pass that runs now without a result, if nobody waits for it and that is
        possible: a text comes that somebody waits for. Any thread may."""
        ...

    def step(self) -> StepReport:
        """Advances the sequences by one forward pass, which releases the GIL."""
        ...

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """The vectors of tokenized texts, each at most `context_length` long; not normalized."""
        ...

    def put_away(self) -> None:
        """Writes what it has computed of texts that ended to where the next process finds it, if
        there is such a place."""
        ...

    def rank_pair(self, query: str, document: str) -> list[int]:
        """The tokens of query and document as a ranking head wants them; raises as `rank`."""
        ...

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """The scores of a ranking head for pairs of query and document, tokenized by `rank_pair`,
        each at most `context_length` long; raises `EngineError`, ENGINE_UNSUPPORTED, if `can_rank`
        is false."""
        ...
