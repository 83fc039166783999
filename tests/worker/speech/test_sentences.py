"""Texts are split at their sentences."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland_worker.speech.sentences import PARAGRAPH_PAUSE, sentences


def parts(text: str, longest: int = 240) -> list[str]:
    return [text[one.start : one.end] for one in sentences(text, longest)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One.", "Two!", "Three?"],
        ["Dr. Smith met Mr. J. K. Rowling at 5 p.m. on Jan. 5.", "He left."],
        ["It costs $3.50 or 1,250 yen.", "See No. 5, p. 12 and fig. 3."],
        ["He said no.", "Then he ran."],
        ["It was I.", "Plan B. is off."],
        ['"Stop!" he cried.', '"Why?"', "She ran."],
        ["He asked (twice.)", "Nobody came."],
        ["And so on... and on.", "Wait...", "What?!"],
        ["E.g. this, i.e. that, etc. are abbreviations.", "Good."],
        ["The U.S. Army and the U.K. were there.", "Yes."],
        ["Visit example.com or v1.2.3 today.", "Thanks."],
    ],
)
def test_english_sentences_end_where_they_do(expected: list[str]) -> None:
    assert parts(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["今天天气很好。", "我们走吧！", "“真的？”", "他说。"],
        ["これは本です。", "「はい。」", "そうですか？"],
        ["价格是3.5元。", "好"],
    ],
)
def test_chinese_and_japanese_ones_need_no_spaces(expected: list[str]) -> None:
    assert parts("".join(expected)) == expected


def test_paragraphs_have_a_pause_and_wrapped_lines_do_not() -> None:
    text = (
        "Chapter 1\n\nThis paragraph was wrapped by someone who likes short lines, and it\n"
        "goes on here. It ends.\n \n\nThe last."
    )

    found = list(sentences(text, 240))

    assert [(text[one.start : one.end], one.pause) for one in found] == [
        ("Chapter 1", PARAGRAPH_PAUSE),
        (
            "This paragraph was wrapped by someone who likes short lines, and it\ngoes on here.",
            0.0,
        ),
        ("It ends.", PARAGRAPH_PAUSE),
        ("The last.", 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Buy:\n- milk and\n- bread", ["Buy:", "- milk and", "- bread"]),
        ("1. One\n2. Two", ["1. One", "2. Two"]),
        ("Roses are red\nViolets are blue", ["Roses are red", "Violets are blue"]),
        ("short\nand goes on", ["short\nand goes on"]),
    ],
)
def test_lines_of_lists_and_verses_are_said_apart(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("He came, he saw; he won the day.", 20, ["He came, he saw;", "he won the day."]),
        ("He came, he saw, he won the day.", 20, ["He came, he saw,", "he won the day."]),
        ("word word word word", 12, ["word word", "word word"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("他来了，他看见了，他胜利了。", 9, ["他来了，他看见了，", "他胜利了。"]),
    ],
)
def test_what_is_too_long_is_split_at_its_clauses(
    text: str, longest: int, expected: list[str]
) -> None:
    found = list(sentences(text, longest))

    assert [text[one.start : one.end] for one in found] == expected
    assert [one.whole for one in found] == [False] * (len(found) - 1) + [True]


@given(
    st.text(alphabet="aB1.!?。，, \n\t\"'()-;:\u00e9", max_size=300),
    st.integers(min_value=1, max_value=50),
)
def test_nothing_is_lost_said_twice_or_too_long(text: str, longest: int) -> None:
    end = 0
    for one in sentences(text, longest):
        assert text[end : one.start].strip("\u2029\f").strip() == ""
        assert 0 < one.end - one.start <= longest
        assert not text[one.start].isspace()
        assert not text[one.end - 1].isspace()
        end = one.end
    assert not text[end:].strip()


def test_a_book_is_not_held_twice() -> None:
    text = "It was a dark and stormy night, said Mr. Smith. " * 20_000

    tracemalloc.start()
    count = sum(1 for _ in sentences(text, 240))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 100_000


@pytest.mark.parametrize(
    "text",
    ["Hi" + "!" * 40_000 + "x", "a" * 300_000, "Wait" + "." * 40_000 + '"' * 40_000 + "x"],
    ids=["marks", "letters", "quotes"],
)
def test_a_long_text_takes_no_more_than_its_length(text: str) -> None:
    """The square of it would be a minute, in which the process answers nobody."""
    began = time.process_time()

    found = parts(text)

    assert time.process_time() - began < 5
    assert "".join(found) == text
