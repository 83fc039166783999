"""Says in words why a model waits for memory, and why it gets none."""

from __future__ import annotations

from collections.abc import Iterable

from funland.v1.models_pb2 import Model
from funland_server.workers.errors import ModelTooLargeError
from funland_server.workers.fit import Held, Kind


def keeping(held: Iterable[Held], kind: Kind) -> str:
    """What keeps the memory that a model of that kind could have; empty if there is nothing."""
    return ", and ".join(_keeping(each, kind) for each in held)


def refusal(error: ModelTooLargeError, why: str, waited_seconds: float) -> ModelTooLargeError:
    """The same error, with what keeps the memory, if that is known, and for how long that was
    waited for, if it was."""
    if not why:
        return error
    waited = f"After {waited_seconds:.0f} s" if waited_seconds >= 1 else "Now"
    told = ModelTooLargeError(f"{error.message} {waited} {why}.", **error.metadata)
    told.why = f"{waited} {why}."
    return told


def _keeping(held: Held, kind: Kind) -> str:
    if held.guest:
        return f"{held.model} is being measured or trained"
    if held.kept_by:
        what = f"is {held.kept_by}"
    elif held.leaving:
        what = "is being unloaded"
    elif held.loading:
        what = "is being loaded"
    elif held.calls:
        what = f"has {held.calls} {'calls' if held.calls > 1 else 'call'}"
    elif held.kind == Model.TEXT and kind != Model.TEXT:
        what = "writes text and does not leave for what does not"
    else:
        what = "has just answered"
    return f"{held.key} {what}"
