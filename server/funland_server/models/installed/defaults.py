"""What calls of a model get that say nothing of it, as whoever published the model wants."""

from __future__ import annotations

from dataclasses import dataclass, field

from funland.v1.inference_pb2 import Message, SamplingParameters


@dataclass(frozen=True, slots=True)
class Defaults:
    """Empty where nothing is wanted."""

    sampling: SamplingParameters = field(default_factory=SamplingParameters)
    system_message: str = ""
    """Of chats that have none."""
    messages: tuple[Message, ...] = ()
    """With which each chat begins, behind its system message."""
    context_length: int | None = None
    """Of loads that name none, in tokens."""
    chat_template: str = ""
    """In Jinja, in the place of what the files have."""
    adapters: tuple[str, ...] = ()
    """The ids of adapters that act in calls which name none, as far as they are attached."""
