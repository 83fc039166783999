"""CTranslate2, if it is installed."""

from __future__ import annotations

import os
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

_ENGINE = "CTRANSLATE2"


def ctranslate2() -> Any:
    """The package.

    Raises:
        EngineError: ENGINE_UNAVAILABLE.
    """
    # OpenMP reads it when it is loaded. By default its threads burn their core while they wait for
    # each other, and one busy neighbour then takes nineteen twentieths of the speed (ADR 0030).
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    try:
        import ctranslate2  # noqa: PLC0415 - only a worker that uses it needs it
    except ImportError as error:
        raise EngineError(
            ErrorReason.ENGINE_UNAVAILABLE,
            f"CTranslate2 can't be used here ({error}); install the package ctranslate2.",
            engine=_ENGINE,
            device="",
        ) from error
    return ctranslate2


def unsupported(feature: str, message: str) -> EngineError:
    """What a caller is told who asks for something that only other engines do."""
    return EngineError(ErrorReason.ENGINE_UNSUPPORTED, message, engine=_ENGINE, feature=feature)
