"""How many tokens a text of a model may have, and all of its texts together."""

from __future__ import annotations

from typing import Final

from funland.v1.models_pb2 import LoadSettings
from funland_server.errors import FieldInvalidError, Violation

_CACHE_TOKENS: Final = 32768
"""What the engine's cache holds unasked, unless one call may have more."""
_FIELD: Final = "settings"


def context_length(trained: int, settings: LoadSettings, longest: int) -> int:
    """How many tokens one call may have. `trained` is what the model was made for, 0 where that is
    not known; `longest` is the server's own limit."""
    if settings.HasField("context_length"):
        return settings.context_length
    return min(trained or longest, longest)


def cache_tokens(settings: LoadSettings, context: int) -> int:
    """How many tokens the cache holds at the most if one call may have `context`: never more than
    all slots can need."""
    asked = settings.cache_tokens if settings.HasField("cache_tokens") else _CACHE_TOKENS
    return min(settings.slots * context, max(context, asked))


def check_context(settings: LoadSettings, positions: int) -> None:
    """Sees whether a model that has so many positions, 0 for any number, can have so long a text:
    behind the end of a table llama.cpp would read what is not there.

    Raises:
        FieldInvalidError: It can't.
    """
    if 0 < positions < settings.context_length:
        what = f"must be at most {positions}: the model has no positions beyond"
        raise FieldInvalidError([Violation(f"{_FIELD}.context_length", what)])


def check_cache(settings: LoadSettings, context: int) -> None:
    """Sees whether the cache that is asked for holds one call, of at most `context` tokens.

    Raises:
        FieldInvalidError: It does not.
    """
    if settings.HasField("cache_tokens") and settings.cache_tokens < context:
        what = f"must be at least {context}, what one call may have: or set context_length to less"
        raise FieldInvalidError([Violation(f"{_FIELD}.cache_tokens", what)])
