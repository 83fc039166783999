"""A download's life, as a table and by all sequences of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error
from funland_server.downloads.jobs.machine import (
    ENDED,
    Action,
    Broken,
    Command,
    Event,
    Full,
    Sign,
    Stalled,
    Standing,
    State,
    is_allowed,
    step,
)

ERROR = Error(message="no")
STATES: list[State] = [value for value in Download.State.values() if value]
EVENTS: list[Event] = [*Action, *Sign, Stalled(9.0, ERROR), Full(ERROR), Broken(ERROR)]
Q, D, W, P, INST, DONE, F, C = STATES
STOP, FETCH, INSTALL, DISCARD = Command.STOP, Command.FETCH, Command.INSTALL, Command.DISCARD

CHANGES: list[tuple[State, Event, State, tuple[Command, ...]]] = [
    (Q, Sign.TURN, D, (FETCH,)),
    (Q, Action.PAUSE, P, ()),
    (Q, Action.CANCEL, C, (DISCARD,)),
    (D, Sign.GIVE_WAY, Q, (STOP,)),
    (D, Sign.FETCHED, INST, (INSTALL,)),
    (D, Sign.RESTARTED, Q, ()),
    (D, Stalled(9.0, ERROR), W, ()),
    (D, Full(ERROR), P, ()),
    (D, Broken(ERROR), F, ()),
    (D, Action.PAUSE, P, (STOP,)),
    (D, Action.CANCEL, C, (STOP, DISCARD)),
    (W, Sign.TIME, Q, ()),
    (W, Action.RESUME, Q, ()),
    (W, Action.PAUSE, P, ()),
    (W, Action.CANCEL, C, (DISCARD,)),
    (P, Action.RESUME, Q, ()),
    (P, Action.CANCEL, C, (DISCARD,)),
    (INST, Sign.INSTALLED, DONE, (DISCARD,)),
    (INST, Sign.RESTARTED, Q, ()),
    (INST, Full(ERROR), P, ()),
    (INST, Broken(ERROR), F, ()),
    (INST, Action.PAUSE, P, (STOP,)),
    (INST, Action.CANCEL, C, (STOP, DISCARD)),
    (F, Action.RETRY, Q, ()),
    (C, Action.RETRY, Q, ()),
]


def named(event: Event) -> str:
    return event.name if isinstance(event, Action | Sign) else type(event).__name__


@pytest.mark.parametrize("event", EVENTS, ids=named)
@pytest.mark.parametrize("state", STATES, ids=Download.State.Name)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    expected = {(before, named(e)): (after, done) for before, e, after, done in CHANGES}
    before = Standing(state)

    after, commands = step(before, event)

    assert (after.state, commands) == expected.get((state, named(event)), (state, ()))
    if (state, named(event)) not in expected:
        assert after is before


def test_who_waits_or_is_stopped_says_why() -> None:
    waits, _ = step(Standing(D), Stalled(9.0, ERROR))
    full, _ = step(Standing(D), Full(ERROR))
    failed, _ = step(Standing(INST), Broken(ERROR))

    assert waits == Standing(W, ERROR, 9.0)
    assert full == Standing(P, ERROR)
    assert failed == Standing(F, ERROR)
    assert step(full, Action.RESUME)[0] == Standing(Q)


@given(st.lists(st.sampled_from(EVENTS)))
def test_no_download_is_ever_stuck_and_what_runs_is_stopped_once(events: list[Event]) -> None:
    standing, runs = Standing(), False
    for event in events:
        before = standing
        standing, commands = step(standing, event)
        if before.state in ENDED and event is not Action.RETRY:
            assert standing == before
        assert (STOP in commands) <= runs
        assert not (runs and {FETCH} & {*commands})
        runs = standing.state in (D, INST)
        assert (standing.wait_until is not None) == (standing.state == W)

    ways = [step(standing, event)[0].state for event in EVENTS]
    assert standing.state == DONE or any(state != standing.state for state in ways)


@pytest.mark.parametrize("state", STATES, ids=Download.State.Name)
def test_what_is_refused_changes_nothing_and_the_rest_ends_where_it_says(state: State) -> None:
    ends = {
        Action.PAUSE: (P,),
        Action.RESUME: (Q, D, INST),
        Action.CANCEL: (C,),
        Action.RETRY: (Q,),
    }
    for action, after in ends.items():
        if is_allowed(state, action):
            assert step(Standing(state), action)[0].state in after
        else:
            assert step(Standing(state), action) == (Standing(state), ())
