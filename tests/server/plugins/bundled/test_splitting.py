"""Texts are parted between sentences, and nothing of them is lost."""

from __future__ import annotations

from time import process_time

import pytest

from funland_plugin.bundled.splitting import beginning, parts, sentences

STORY = (
    "Dr. J. Smith paid 3.5 units, e.g. to Ann. Then he left! Why? \u201cNobody knows.\u201d \u2026 "
    "He\n\ncame back."
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("One", ["One"]),
        ("One. Two.", ["One. ", "Two."]),
        ("One.\u201d Two", ["One.\u201d ", "Two"]),
        ("It costs 3.5 now. Yes", ["It costs 3.5 now. ", "Yes"]),
        ("Dr. J. Smith came. So", ["Dr. J. Smith came. ", "So"]),
        ("Ask e.g. Ann. Or me", ["Ask e.g. Ann. ", "Or me"]),
        (
            "\u4f60\u597d\u3002\u518d\u89c1\uff01\u597d",
            ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01", "\u597d"],
        ),
        ("A line\nanother\n\n\nlast", ["A line\n", "another\n\n\n", "last"]),
        ("1. item one\n2. item two", ["1. item one\n", "2. item two"]),
        ("He is 42. She left.", ["He is 42. ", "She left."]),
        ("Really?! Yes", ["Really?! ", "Yes"]),
    ],
)
def test_a_text_has_these_sentences(text: str, found: list[str]) -> None:
    assert sentences(text) == found


@pytest.mark.parametrize("most", [1, 2, 7, 20, 33, 60, 1000])
@pytest.mark.parametrize(
    "text", [STORY, "x" * 100, " ".join(["word"] * 50), "\u4f60\u597d\u3002" * 30, "\n\n a \n" * 9]
)
def test_parts_are_the_text_and_none_is_longer(text: str, most: int) -> None:
    found = parts(text, most)

    assert "".join(found) == text
    assert all(0 < len(each) <= most for each in found)


@pytest.mark.parametrize(
    ("text", "most", "found"),
    [
        ("", 5, []),
        ("One. Two. Three.", 10, ["One. Two. ", "Three."]),
        ("One. Twotwotwo three. Four.", 12, ["One. ", "Twotwotwo ", "three. Four."]),
        ("aaaaaaaaaaaa bb", 5, ["aaaaa", "aaaaa", "aa bb"]),
    ],
)
def test_parts_are_few_and_end_where_sentences_do(text: str, most: int, found: list[str]) -> None:
    assert parts(text, most) == found


@pytest.mark.parametrize(
    ("text", "most", "found"),
    [("One. Two. Three.", 10, "One. Two."), ("  ", 10, ""), ("Onetwothree four", 8, "Onetwoth")],
)
def test_a_beginning_is_of_whole_sentences(text: str, most: int, found: str) -> None:
    assert beginning(text, most) == found


def test_a_text_without_ends_takes_no_longer_than_others() -> None:
    text = "e.g. A. a. " * 20_000

    assert sentences(text) == [text]


@pytest.mark.parametrize("mark", [".", "!", "\u2026", "\u3002", '."'])
def test_marks_without_end_take_no_longer_than_others(mark: str) -> None:
    text = mark * 100_000

    began = process_time()
    found = parts(text, 1200)

    assert "".join(found) == text
    assert process_time() - began < 3
