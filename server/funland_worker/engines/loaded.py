"""A model that an engine holds, and what its files say beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland_worker import cores
from funland_worker.engines.media import MediaReader
from funland_worker.engines.protocol import Engine, EngineError, Vocabulary

CACHE_TOKENS = 32768
"""How many tokens all texts together may have, unless one alone may have more."""

_DEFAULT_SLOTS = 32
_TINY_PARAMETERS = 100_000_000


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model without its network."""

    vocabulary: Vocabulary
    trained_context: int
    """0: unknown."""
    chat_template: str | None
    begin_mark: str
    end_mark: str
    adds_begin_mark: bool
    """Whether tokenizing with `add_special` puts the begin mark in front."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What every engine's `load(launch)` gives."""

    engine: Engine
    facts: ModelFacts
    told: worker_pb2.Ready = field(default_factory=worker_pb2.Ready)
    """What not every engine tells, as the server is told it."""
    media: MediaReader | None = None
    """What shows the model pictures and sounds; None: it takes text alone."""


def context_length(launch: worker_pb2.Launch, trained: int) -> int:
    """How many tokens a sequence may have. `trained` is what the model was made for; 0: unknown."""
    if launch.settings.HasField("context_length"):
        return launch.settings.context_length
    return min(trained or launch.max_context_length, launch.max_context_length)


def slots(launch: worker_pb2.Launch) -> int:
    """How many sequences run at once."""
    return launch.settings.slots if launch.settings.HasField("slots") else _DEFAULT_SLOTS


def cache_tokens(launch: worker_pb2.Launch) -> int:
    """How many tokens all texts together may have, unless one alone may have more."""
    settings = launch.settings
    return settings.cache_tokens if settings.HasField("cache_tokens") else CACHE_TOKENS


def threads(launch: worker_pb2.Launch, parameters: int) -> int:
    """How many threads compute: one for a tiny model, which more would only make wait for each
    other; else as many as leave room for the service."""
    if launch.settings.HasField("threads"):
        return launch.settings.threads
    if parameters < _TINY_PARAMETERS:
        return 1
    return cores.most_threads(cores.count())


def refuse_draft_model(launch: worker_pb2.Launch, engine: str) -> None:
    """For engines that can't guess with a smaller model.

    Raises:
        EngineError: ENGINE_UNSUPPORTED, if the load names one.
    """
    if launch.draft_model_path:
        raise EngineError(
            ErrorReason.ENGINE_UNSUPPORTED,
            f"{engine} can't run a model with a draft model; llama.cpp can.",
            engine=engine,
            feature="draft_model",
        )


def refuse_cache_settings(launch: worker_pb2.Launch, engine: str) -> None:
    """For engines that choose by themselves how keys and values are kept, and attention computed.

    Raises:
        EngineError: ENGINE_UNSUPPORTED, if the load says how.
    """
    settings = launch.settings
    asked = {
        "key_type": bool(settings.key_type),
        "value_type": bool(settings.value_type),
        "flash_attention": settings.HasField("flash_attention"),
        "cache_reuse_tokens": settings.HasField("cache_reuse_tokens"),
    }
    for feature, set_ in asked.items():
        if set_:
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                f"{engine} chooses {feature} by itself; llama.cpp can be told.",
                engine=engine,
                feature=feature,
            )


def refuse_cache_tokens(launch: worker_pb2.Launch, engine: str) -> None:
    """For engines that have no one memory for the keys and values of all texts.

    Raises:
        EngineError: ENGINE_UNSUPPORTED, if the load says how large it is.
    """
    if launch.settings.HasField("cache_tokens"):
        raise EngineError(
            ErrorReason.ENGINE_UNSUPPORTED,
            f"{engine} can't be told cache_tokens for this model; llama.cpp and OpenVINO can, for"
            " models that write.",
            engine=engine,
            feature="cache_tokens",
        )
