"""Decides which models are loaded now, which leave for them, and which wait or are refused.

The oldest that waits goes first. A younger one may go before it if that delays it in nothing. What
leaves, leaves all at once when that is enough, so that nobody leaves for nothing and no two keep
from each other what both need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from funland.v1.models_pb2 import Model
from funland_server.errors import FunlandError
from funland_server.workers.decisions import (
    Decision,
    Drop,
    Refuse,
    Start,
    State,
    Wait,
    Waiting,
    promise,
)
from funland_server.workers.errors import ModelTooLargeError
from funland_server.workers.fit import Held, Kind, Memories, available, taken, to_unload
from funland_server.workers.refusals import keeping, refusal
from funland_server.workers.spec import WorkerSpec

SETTLING_SECONDS = 0.1
"""Whose call has just ended may be called again at once, and who was just loaded was loaded for a
call: until then it does not leave."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """Whether something has room when others leave, and who then does."""

    spec: WorkerSpec
    leaving: tuple[Held, ...] | None = None
    """None: it has no room."""
    error: ModelTooLargeError | None = None
    """What devices say to that."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """One that goes on waiting, and those whose leaving it waits for."""

    waiting: Waiting
    awaited: frozenset[str]


def plan(state: State) -> list[Decision]:
    """What becomes of all that wait, the oldest first."""
    decisions: list[Decision] = []
    ahead: list[_Ahead] = []
    for waiting in sorted(state.waiting, key=lambda one: one.since):
        decision, passing = _decide(state, waiting, ahead)
        decisions.append(decision)
        if isinstance(decision, Start):
            state = _after(state, decision)
        elif isinstance(decision, Wait):
            ahead.append(_Ahead(waiting, frozenset(each.key for each in passing)))
    return decisions


def replaced(memories: Memories, key: str) -> Held | None:
    """The worker that ends before one of that key is started."""
    own = (each for each in memories.held if each.key == key and not each.guest)
    return next((each for each in own if not (each.loading or each.leaving)), None)


def free(state: State, key: str, kind: Kind, patience: float = 0) -> list[Held]:
    """Which leave for a model of that kind and key, the first of them first: those of its own kind,
    and of those the least recently used. What writes text does not leave for what does not."""
    own = replaced(state.memories, key)
    settled = state.now - (SETTLING_SECONDS if patience >= SETTLING_SECONDS else 0)
    idle = (
        each
        for each in state.memories.held
        if each is not own
        and not _busy(each)
        and not each.kept_by
        and _yields(each, kind)
        and each.last_used <= settled
    )
    return sorted(idle, key=lambda each: (each.kind != kind, each.last_used))


def _decide(
    state: State, waiting: Waiting, ahead: Sequence[_Ahead]
) -> tuple[Decision, Sequence[Held]]:
    """What becomes of one, and whom it waits for."""
    if not waiting.wanted and not waiting.callers:
        return Drop(waiting), ()
    leaving = _free_for(state, waiting)
    try:
        now = _fit(state, waiting, leaving)
        if now.leaving is not None:
            start = Start(waiting, now.spec, tuple(each.key for each in now.leaving))
            after = _after(state, start)
            delayed = [one.waiting for one in ahead if not _still_fits(after, one)]
            if not delayed:
                return start, ()
            first = delayed[0].spec
            why = f"{first.key} was asked for before, and would wait longer for its memory"
            wait = Wait(waiting, why, (first.model_id,))
            return _in_time(state, wait, now, leaving), ()
        passing = [each for each in state.memories.held if _passes(state, waiting, each)]
        later = _fit(state, waiting, [*leaving, *passing])
    except FunlandError as error:
        return Refuse(waiting, error), ()
    if later.leaving is None:
        return Refuse(waiting, _refused(state, waiting, now, leaving)), ()
    awaited = [each for each in later.leaving if each in passing]
    why = keeping(awaited, waiting.kind) or "others have its memory"
    wait = Wait(waiting, why, tuple(dict.fromkeys(each.model for each in awaited)))
    return _in_time(state, wait, now, leaving), awaited


def _in_time(state: State, wait: Wait, now: _Fit, leaving: Sequence[Held]) -> Wait | Refuse:
    """It waits if its patience is not over."""
    waiting = wait.waiting
    if state.now < waiting.until:
        return wait
    return Refuse(waiting, _refused(state, waiting, now, leaving, wait.why))


def _refused(
    state: State, waiting: Waiting, now: _Fit, leaving: Sequence[Held], why: str = ""
) -> ModelTooLargeError:
    """`why` says what it has waited for in vain; else it is what does not leave for it."""
    own = replaced(state.memories, waiting.key)
    if not why:
        staying = [each for each in state.memories.held if each is not own and each not in leaving]
        every = _fit(state, waiting, [*leaving, *staying])
        why = keeping([each for each in every.leaving or () if each in staying], waiting.kind)
    if now.error is not None:
        return refusal(now.error, why, state.now - waiting.since)
    # Those count too that are spared only for a moment.
    idle = free(state, waiting.key, waiting.kind) if waiting.evicts else []
    needed, can = state.needed(now.spec), available(state.memories, idle, own)
    error = ModelTooLargeError(
        f"Model {waiting.spec.model_id!r} needs about {needed / 1e9:.2f} GB, and"
        f" {can / 1e9:.2f} GB can be had. Ask for a shorter context_length, fewer slots or"
        " fewer cache_tokens, or unload what is busy.",
        model=waiting.spec.model_id,
        needed_bytes=str(needed),
        available_bytes=str(can),
    )
    return refusal(error, why, state.now - waiting.since)


def _fit(state: State, waiting: Waiting, leaving: Sequence[Held]) -> _Fit:
    """Where it is computed if those leave, and which of them have to; raises what else there is
    against it."""
    memories, spec = state.memories, waiting.spec
    own = replaced(memories, waiting.key)
    try:
        if spec.placer is not None:
            spec = spec.placer.place(spec, taken(memories, leaving, own))
    except ModelTooLargeError as error:
        return _Fit(spec, error=error)
    found = to_unload(memories, spec, state.needed(spec), leaving, own)
    return _Fit(spec, None if found is None else tuple(found))


def _still_fits(state: State, one: _Ahead) -> bool:
    """Whether one that waits would have room without those that it waits for anyway."""
    awaited = [each for each in state.memories.held if each.key in one.awaited]
    leaving = [*_free_for(state, one.waiting), *awaited]
    try:
        return _fit(state, one.waiting, leaving).leaving is not None
    except FunlandError:
        return True  # it is refused anyway


def _free_for(state: State, waiting: Waiting) -> list[Held]:
    if not waiting.evicts:
        return []
    return free(state, waiting.key, waiting.kind, waiting.until - state.now)


def _passes(state: State, waiting: Waiting, held: Held) -> bool:
    """Whether what does not leave now may before the patience of one that waits is over."""
    if held.leaving or held.guest:
        return True
    if held.kept_by or held is replaced(state.memories, waiting.key):
        return False
    if waiting.evicts and _yields(held, waiting.kind):
        return held not in _free_for(state, waiting)
    if held.keep_alive_seconds < 0:
        return False
    unused = 0 if _busy(held) else state.now - held.last_used
    return held.keep_alive_seconds - unused <= waiting.until - state.now


def _busy(held: Held) -> bool:
    return bool(held.calls or held.loading or held.leaving or held.guest)


def _yields(held: Held, kind: Kind) -> bool:
    return held.kind != Model.TEXT or kind == Model.TEXT


def _after(state: State, start: Start) -> State:
    """What is there when a start has begun."""
    spec = start.spec
    promised = promise(spec, state.needed(spec))
    held = (each for each in state.memories.held if each.guest or each.key not in start.evict)
    return replace(state, memories=replace(state.memories, held=(*held, promised)))
