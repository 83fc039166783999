"""Who hangs leaves places for others."""

from __future__ import annotations

from funland_server.tasks.webhooks.places import Places

ONE, TWO = "https://one.example/in", "https://two.example:8443/in"


def test_of_an_origin_four_are_told_at_once() -> None:
    due = [(f"one-{number}", f"{ONE}/{number}") for number in range(9)] + [("two", TWO)]

    assert Places([]).chosen(due) == ["one-0", "one-1", "one-2", "one-3", "two"]
    assert Places([ONE] * 3).chosen(due) == ["one-0", "two"]
    assert Places([ONE] * 4).chosen(due) == ["two"]


def test_an_origin_is_full_and_another_that_begins_alike_is_not() -> None:
    places = Places([ONE, TWO] * 4)

    assert places.free == 8
    assert places.full == ["https://one.example", "https://two.example:8443"]
    due = [("same", "https://one.example?in"), ("other", "https://one.example:81/in")]
    assert places.chosen(due) == ["other"]


def test_of_all_sixteen_are() -> None:
    due = [(str(number), f"https://{number}.example") for number in range(20)]

    assert Places([]).chosen(due) == [str(number) for number in range(16)]
    assert Places(url for _, url in due[:16]).free == 0
