"""What prompts may not have."""

from __future__ import annotations

import pytest

from funland_server.images.refusing import blocked_term


@pytest.mark.parametrize(
    ("prompt", "terms"),
    [
        ("a Dragon over the sea", "dragon"),
        ("DRAGONS, dragon!", "dragon"),
        ("a d\u200bra\u00adgon", "dragon"),  # what can't be seen between the letters
        ("a \uff44\uff52\uff41\uff47\uff4f\uff4e", "dragon"),  # wide letters
        ("a dr\u00e1g\u00f6n", "dragon"),  # accents
        ("a dra\u0301gon", "dra\u0301gon"),
        ("Stra\u00dfe bei Nacht", "STRASSE"),
        ("a red   dragon", "red dragon"),
        ("a red-\ndragon", "red dragon"),
        ("\u4e00\u6761\u9f99\u5728\u5929\u4e0a", "\u9f99"),  # no spaces between words
        ("dragon", " dragon "),
        ("c++ code", "c++"),
    ],
)
def test_a_term_is_found_however_it_is_written(prompt: str, terms: str) -> None:
    assert blocked_term(prompt, [terms]) == terms


@pytest.mark.parametrize(
    ("prompt", "term"),
    [
        ("a dragonfly", "dragon"),
        ("snapdragon", "dragon"),
        ("a red and a dragon", "red dragon"),
        ("a cat", "dragon"),
        ("", "dragon"),
        ("a cat", "   "),
        ("a cat", "\u200b"),
    ],
)
def test_parts_of_words_are_none(prompt: str, term: str) -> None:
    assert blocked_term(prompt, [term]) is None


def test_the_first_term_that_is_there_is_told() -> None:
    assert blocked_term("a wyvern and a dragon", ["griffin", "dragon", "wyvern"]) == "dragon"
