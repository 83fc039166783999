"""What a session is called after what was said first, and what it is found by."""

from __future__ import annotations

import pytest

from funland_server.chat.titles import LONGEST, beginning
from funland_server.chat.words import LONGEST as LONGEST_SEARCHED
from funland_server.chat.words import folded, words_of


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("", ""),
        ("  Hello  ", "Hello"),
        ("Hello!\nHow are\tyou?", "Hello! How are you?"),
        ("a\x00b\x1b[31mc\u202ed", "a b [31mc d"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 16, ("word " * 16).strip()),
        ("word " * 17, ("word " * 15).strip() + " word…"),
        ("longer " * 20, ("longer " * 11).strip() + "…"),
        ("short " + "x" * 100, "short " + "x" * 73 + "…"),
        ("你好" * 60, "你好" * 39 + "你…"),
        ("a " * 1_000_000, ("a " * 40).strip() + "…"),
    ],
)
def test_a_title_is_the_beginning_in_one_line(said: str, title: str) -> None:
    assert beginning(said) == title
    assert len(title) <= LONGEST


def test_texts_are_found_whatever_their_case_and_accents() -> None:
    kept = folded("Grüße aus\nSÃO Paulo", "Straße", "ΣΊΣΥΦΟΣ")

    for query in ("grusse", "SAO paulo", "STRASSE", "σίσυφος", "GRÜSSE são"):
        assert all(word in kept for word in words_of(query)), query
    assert words_of("a\x00b") == ["a", "b"]


def test_of_a_long_text_the_beginning_is_found() -> None:
    assert len(folded("x" * 10**6)) == LONGEST_SEARCHED
    assert len(words_of("a " * 1000)) == 16
