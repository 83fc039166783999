"""What an English voice can say, and how it is put into words."""

from __future__ import annotations

import time

import pytest

from funland_worker.speech import english


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("你好", "你好"),
        ("Say 你好 twice", "你好"),
        ("I am happy 😀", "😀"),
        ("привет", "привет"),
        ("the word λόγος", "λόγος"),
        ("\u0301 is no letter", "\u0301"),
        ("a snowman: \u2603!", "\u2603!"),
        ("private \ue000", "\ue000"),
        ("lost \ufffd", "\ufffd"),
    ],
)
def test_what_it_can_not_say_is_found(text: str, part: str) -> None:
    found = english.unspeakable(text)

    assert found is not None
    assert text[found.start : found.end] == part
    assert found.start == text.index(part)


def test_very_many_letters_that_it_can_not_say_take_no_longer_to_find() -> None:
    """Each looked for from the beginning would be minutes, in which the process answers nobody."""
    text = "a" * 1_000_000 + "".join(map(chr, range(0x20000, 0x40000)))
    began = time.process_time()

    found = english.unspeakable(text)

    assert time.process_time() - began < 5
    assert found is not None
    assert found.start == 1_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello, world!", "Hello, world!"),
        ("naïve Nguyễn", "naïve Nguyen"),
        ("e\u0301tude", "étude"),
        ("5 € or €5 or € 5", "5 euros or €5 or €5"),
        ("I love $", "I love dollar"),
        ("$.5 and .5", "$0.5 and 0.5"),
        ("x ≤ 5", "x less than or equal to 5"),
        ("α and β", "alpha and beta"),
        ("x⁴ + y²", "x to the power of 4 + y²"),
        ("1⅓ or ⅓", "1 and 1/3 or 1/3"),
        ("Ⅷ ①", "8 1"),
        ("１２３ ＡＢＣ", "123 ABC"),
        ("C:\\temp", "C: backslash temp"),
        ("**bold** `code` | _it_", "bold code it"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("12345678901234567890", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0"),
        ("a" * 30, "a" * 24 + " " + "a" * 6),
        ("[this](/ðɪs/) is [a link](x)", None),
        ("see [here](x)", "see [here] (x)"),
    ],
)
def test_what_its_dictionary_lacks_is_put_into_words(text: str, said: str | None) -> None:
    if said is None:
        assert english.unspeakable(text) is not None
        return
    assert english.unspeakable(text) is None
    assert " ".join(english.readable(text).split()) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [("...", False), ("* * *", False), ("—", False), (" \n", False), ("•", False), ("I", True),
     ("5", True), ("&", True), ("™", True), ("¿?", False)],
)  # fmt: skip
def test_marks_alone_are_nothing_to_say(text: str, expected: bool) -> None:
    assert english.has_words(text) is expected
