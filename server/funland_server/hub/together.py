"""Makes one error of what several hubs failed with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from funland_server.errors import FunlandError, NotFoundError
from funland_server.hub.errors import (
    HubAccessDeniedError,
    HubModelNotFoundError,
    HubModelUnsupportedError,
    HubUnreachableError,
)


def as_one(errors: Sequence[FunlandError]) -> FunlandError:
    """The error that says most, in the order of the hubs; of several of its kind one that names
    all of these hubs."""
    first = min(errors, key=_rank)
    alike = [error for error in errors if type(error) is type(first)]
    hubs = [error.metadata.get("hub", "") for error in alike]
    if len(alike) == 1 or not all(hubs):
        return first
    match first:
        case HubModelNotFoundError():
            model = first.metadata.get("model", "")
            return HubModelNotFoundError(
                f"Neither {' nor '.join(hubs)} has a model {model!r}, or that revision or file of"
                " it, or they show it only to those whom they know.",
                hub=", ".join(hubs), model=model,
            )  # fmt: skip
        case HubUnreachableError():
            told = HubUnreachableError(" ".join(e.message for e in alike), hub=", ".join(hubs))
            told.retry_seconds = first.retry_seconds
            return told
        case _:
            return first


def _rank(error: FunlandError) -> int:
    order: tuple[Callable[[FunlandError], bool], ...] = (
        lambda one: isinstance(one, HubModelUnsupportedError),
        lambda one: not isinstance(one, NotFoundError | HubAccessDeniedError),
        lambda one: isinstance(one, HubAccessDeniedError),
    )
    return next((place for place, fits in enumerate(order) if fits(error)), len(order))
