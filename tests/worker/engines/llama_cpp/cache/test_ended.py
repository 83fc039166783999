"""Who is given up first of those that ended."""

from __future__ import annotations

from funland_worker.engines.llama_cpp.cache.ended import Ended, EndedTexts


def texts(*ended: tuple[int, bool]) -> EndedTexts:
    """Of texts with these numbers, in sequences 0, 1, ...; and whether they are for all."""
    found = EndedTexts()
    for slot, (text, shared) in enumerate(ended):
        found.add(slot, Ended((), [slot], lasting=False, text=text, shared=shared))
    return found


def order(ended: EndedTexts) -> list[int]:
    """The sequences, as they are given up."""
    given_up: list[int] = []
    while (slot := ended.oldest()) is not None:
        ended.pop(slot)
        given_up.append(slot)
    return given_up


def test_the_least_recently_used_goes_first() -> None:
    ended = texts((1, False), (2, False), (3, False))

    ended.used(0)

    assert ended.oldest(keep=1) == 2
    assert [slot for slot, _ in ended.worth_keeping()] == [0, 2, 1]
    assert order(ended) == [1, 2, 0]


def test_what_a_later_turn_has_passed_goes_before_all_and_is_not_kept() -> None:
    ended = texts((1, False), (2, True), (2, False), (3, False), (2, False))

    ended.passed(2)

    assert [slot for slot, _ in ended.worth_keeping()] == [3, 1, 0]
    assert sorted(order(ended)[:2]) == [2, 4]


def test_who_comes_back_to_what_was_passed_has_it_kept() -> None:
    ended = texts((1, False), (2, False))
    ended.passed(1)

    ended.used(0)

    assert order(ended) == [1, 0]
