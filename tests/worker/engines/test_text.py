"""Text that goes out is whole, and nothing of a stop string is ever in it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from funland_worker.engines.text import TextStream


def stream(
    pieces: list[bytes], stop: tuple[str, ...] = (), *, include_stop: bool = False
) -> tuple[str, bool]:
    """What comes out for these tokens, as an engine feeds them; and whether it was stopped."""
    text = TextStream(stop, include_stop=include_stop)
    out: list[str] = []
    for piece in pieces:
        out.append(text.feed(piece))
        if text.stopped:
            break
    out.append(text.finish())
    return "".join(out), text.stopped


def cut(data: bytes, borders: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(border % (len(data) + 1) for border in borders)})
    return [data[a:b] for a, b in pairwise(places)]


def test_a_character_waits_until_its_last_byte() -> None:
    text = TextStream()
    first, second, third = (bytes([byte]) for byte in "好".encode())

    assert [text.feed(first), text.feed(second), text.feed(third)] == ["", "", "好"]


def test_bytes_that_are_no_text_become_a_mark() -> None:
    assert stream([b"a\xff", b"b", b"\xe5\xa5"]) == ("a�b�", False)


def test_a_stop_string_over_token_borders_is_not_sent() -> None:
    assert stream([b"one EN", b"D", b" two"], ("END",)) == ("one ", True)


def test_what_only_looked_like_a_stop_string_is_sent() -> None:
    assert stream([b"one EN", b"OUGH"], ("END",)) == ("one ENOUGH", False)


def test_what_is_held_back_comes_at_the_end() -> None:
    assert stream([b"one EN"], ("END",)) == ("one EN", False)


def test_of_two_stop_strings_the_one_complete_first_counts() -> None:
    assert stream([b"xabc"], ("abc", "b")) == ("xa", True)
    assert stream([b"xa", b"b", b"c"], ("abc", "b")) == ("xa", True)


def test_of_two_that_are_complete_together_the_longer_counts() -> None:
    assert stream([b"xabc"], ("c", "abc")) == ("x", True)


letters = st.text(alphabet="ab好é", max_size=30)
stops = st.lists(st.text(alphabet="ab好é", min_size=1, max_size=4), max_size=3).map(tuple)


@given(letters, stops, st.lists(st.integers(0, 100), max_size=10))
def test_how_a_text_is_cut_makes_no_difference(
    text: str, stop: tuple[str, ...], borders: list[int]
) -> None:
    whole = stream([text.encode()], stop)

    assert stream(cut(text.encode(), borders), stop) == whole


@given(letters, stops, st.lists(st.integers(0, 100), max_size=10))
def test_nothing_of_a_stop_string_leaks(
    text: str, stop: tuple[str, ...], borders: list[int]
) -> None:
    sent, stopped = stream(cut(text.encode(), borders), stop)

    assert text.startswith(sent)
    assert not any(word in sent for word in stop)
    assert stopped == any(word in text for word in stop)
    if stopped:
        assert any(text[len(sent) :].startswith(word) for word in stop)
    else:
        assert sent == text


@given(st.binary(max_size=30), st.lists(st.integers(0, 100), max_size=10))
def test_any_bytes_give_the_text_that_they_give_whole(data: bytes, borders: list[int]) -> None:
    assert stream(cut(data, borders))[0] == data.decode(errors="replace")


def test_a_stop_string_is_sent_to_those_who_want_it() -> None:
    for pieces in ([b"one END two"], [b"one EN", b"D", b" two"], [b"one ", b"END"]):
        assert stream(pieces, ("END",), include_stop=True) == ("one END", True)
    assert stream([b"xabc"], ("abc", "b"), include_stop=True) == ("xab", True)
    assert stream([b"xabc"], ("c", "abc"), include_stop=True) == ("xabc", True)
    assert stream([b"one EN"], ("END",), include_stop=True) == ("one EN", False)


@given(letters, stops, st.lists(st.integers(0, 100), max_size=10))
def test_a_stop_string_that_is_sent_is_the_end_and_all_that_is_more(
    text: str, stop: tuple[str, ...], borders: list[int]
) -> None:
    without, stopped = stream([text.encode()], stop)
    sent = stream(cut(text.encode(), borders), stop, include_stop=True)

    assert sent[1] == stopped
    assert sent[0] in ({without + word for word in stop} if stopped else {text})
    assert text.startswith(sent[0])
