"""What is live is asked for anew each time, and tells who wants to hear."""

from __future__ import annotations

from funland_server.live import Live


def test_what_is_made_of_it_follows_it() -> None:
    live = Live(3)
    doubled = live.map(lambda now: 2 * now)

    live.put(5)

    assert (live.now, doubled.now) == (5, 10)


def test_who_hears_of_it_finds_what_depends_on_it_changed() -> None:
    live = Live(1)
    doubled = live.map(lambda now: 2 * now)
    heard: list[tuple[int, int]] = []
    live.tell(lambda now: heard.append((now, doubled.now)))

    live.put(2)

    assert heard == [(2, 4)]


def test_what_is_made_of_it_tells_only_when_it_became_another() -> None:
    live = Live(3)
    heard: list[bool] = []
    live.map(lambda now: now > 2).tell(heard.append)

    for now in (4, 5, 1, 0):
        live.put(now)

    assert heard == [False]
