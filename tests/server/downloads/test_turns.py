"""Who has a turn: by priority, then by arrival, and never more than may."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funland.v1.downloads_pb2 import Download
from funland_server.downloads.jobs.machine import ACTIVE
from funland_server.downloads.jobs.turns import Place, Turns, decide, queue

Q, D = Download.QUEUED, Download.DOWNLOADING
LOW, NORMAL, HIGH = Download.LOW, Download.NORMAL, Download.HIGH


def places(*given: tuple[Download.State.ValueType, Download.Priority.ValueType]) -> list[Place]:
    return [Place(str(at), state, priority, at) for at, (state, priority) in enumerate(given)]


def test_the_queue_is_by_priority_then_by_arrival() -> None:
    waiting = places((Q, NORMAL), (Q, LOW), (Q, HIGH), (D, HIGH), (Q, NORMAL), (Q, HIGH))

    assert [place.download_id for place in queue(waiting)] == ["2", "5", "0", "4", "1"]


def test_turns_are_filled_in_the_order_of_the_queue() -> None:
    assert decide(places((D, NORMAL), (Q, LOW), (Q, NORMAL)), 2) == Turns(("2",))


def test_one_of_high_priority_makes_the_last_of_the_lowest_give_way() -> None:
    full = places((D, NORMAL), (D, LOW), (D, LOW), (Q, HIGH))

    assert decide(full, 3) == Turns(("3",), ("2",))


def test_one_of_normal_priority_waits_and_high_ones_do_not_displace_each_other() -> None:
    assert decide(places((D, LOW), (Q, NORMAL)), 1) == Turns()
    assert decide(places((D, HIGH), (Q, HIGH)), 1) == Turns()


def test_where_there_are_fewer_turns_than_before_the_last_of_the_lowest_give_way() -> None:
    assert decide(places((D, NORMAL), (D, LOW), (D, HIGH), (Q, NORMAL)), 1) == Turns((), ("1", "0"))
    assert decide(places((Download.INSTALLING, LOW), (D, HIGH)), 1) == Turns((), ("1",))


def test_where_nothing_is_to_be_sent_nobody_has_a_turn_but_who_installs() -> None:
    full = places((D, HIGH), (Download.INSTALLING, LOW), (Q, HIGH))

    assert decide(full, None) == Turns((), ("0",))


def test_what_is_being_installed_does_not_give_way() -> None:
    assert decide(places((Download.INSTALLING, LOW), (Q, HIGH)), 1) == Turns()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([value for value in Download.State.values() if value]),
            st.sampled_from([LOW, NORMAL, HIGH]),
        )
    ),
    st.integers(1, 4),
)
def test_turns_never_exceed_the_limit_and_none_is_left_unused(
    given: list[tuple[Download.State.ValueType, Download.Priority.ValueType]], most: int
) -> None:
    all_places = places(*given)
    turns = decide(all_places, most)

    active = sum(place.state in ACTIVE for place in all_places)
    after = active + len(turns.begin) - len(turns.give_way)
    waiting = sum(place.state == Q for place in all_places)
    installing = sum(place.state == Download.INSTALLING for place in all_places)
    assert after <= max(most, installing)
    assert after >= min(most, active + waiting)
    assert len(turns.give_way) <= len(turns.begin) + max(active - most, 0)
