"""Words and their times, of tokens and where they are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from funland_worker.hearing.recogniser import Aligned
from funland_worker.hearing.words import grouped, timed


def pieces(*written: bytes | str) -> tuple[list[int], list[bytes]]:
    known = [one.encode() if isinstance(one, str) else one for one in written]
    return list(range(len(known))), known


@pytest.mark.parametrize(
    ("written", "spaced", "words"),
    [
        ([" The", " sea", "shore", ",", " yes", "."], True, [" The", " seashore,", " yes."]),
        ([" He", " said", " \"", "no", "\""], True, [" He", " said", " \"no\""]),
        (["no", " space"], True, ["no", " space"]),
        (["你好", "，", "世", "界", "。"], False, ["你好，", "世", "界。"]),
        ([b"\xe4\xbd", b"\xa0", "好"], False, ["你", "好"]),
        ([" caf", b"\xc3", b"\xa9", "s"], True, [" cafés"]),
        ([" bad", b"\xe4\xbd"], True, [" bad\ufffd"]),
        ([], True, []),
    ],
)  # fmt: skip
def test_tokens_are_grouped_to_words(
    written: list[str | bytes], spaced: bool, words: list[str]
) -> None:
    tokens, known = pieces(*written)

    def piece(some: Sequence[int]) -> bytes:
        return b"".join(known[one] for one in some)

    groups = grouped(tokens, piece, spaced=spaced)

    assert [one.text for one in groups] == words
    assert sum(one.tokens for one in groups) == len(tokens)


def test_a_word_lasts_from_its_first_token_to_the_next_words() -> None:
    tokens, known = pieces(" two", "some", " more", ".")
    groups = grouped(tokens, lambda some: b"".join(known[one] for one in some), spaced=True)
    pairs = ((0, 10), (0, 11), (1, 20), (2, 30), (2, 40), (3, 45), (4, 50))
    aligned = Aligned(pairs, (0.5, 1.0, 0.8, 0.6))

    first, second = timed(groups, aligned, seconds=0.95)

    assert (first.text, first.start, first.end) == ("twosome", pytest.approx(0.2), 0.6)
    assert first.probability == 0.75
    assert (second.text, second.start) == ("more.", 0.6)
    assert second.end == pytest.approx(0.95), "no later than the sound"


def test_words_of_which_nothing_was_found_still_have_times() -> None:
    groups = grouped([0], lambda _: b" word", spaced=True)

    (word,) = timed(groups, Aligned((), ()), seconds=2)

    assert (word.start, word.end, word.probability) == (0, 0, None)
