"""What a start puts off until it is ready: who waits for that needs none of it."""

from __future__ import annotations

import gc

from funland_server.rpc import validation


def settle() -> None:
    """Gets ready what the first call would wait for, and lets the search for garbage, which the
    start has switched off, begin.

    What there is by now is there for good, and is left out of it: each time that it went through
    all that, every call would stop.
    """
    validation.get_ready()
    gc.collect()
    gc.freeze()
    gc.enable()
