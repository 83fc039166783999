"""A translation has the layout of its text, and all that is no language."""

from __future__ import annotations

import pytest

from funland_plugin.bundled.asking import NoRoomError, TooLongError
from funland_plugin.bundled.translate.keeping import between, given_back, kept
from funland_plugin.bundled.translate.layout import pieces
from funland_plugin.bundled.translate.passages import SIZES, translated
from funland_plugin.bundled.translate.wording import alike, question, translation

DOCUMENT = """---
title: A page
---
# A heading with `code` #

This is a paragraph that is wrapped at a certain width, as many are, so
that its lines belong together. It goes on.
===

> - [x] A quoted task with a [link](http://x.y/z "title")
1. First item
   goes on here

| Name | Age |
|:-----|----:|
| Ann \\| Lee | 42 |

```python
print("hello world")
````
  ~~~
  tilde fence
  ~~~

    indented code

https://example.com
[ref]: https://example.com "Title"

Dear Ann,\r
yours,\tBob  \r
\u4f60\u597d
***
"""


def test_pieces_are_the_text() -> None:
    assert "".join(piece.text for piece in pieces(DOCUMENT)) == DOCUMENT


def test_words_alone_are_translated() -> None:
    assert [piece.text for piece in pieces(DOCUMENT) if piece.translates] == [
        "A heading with `code` #",
        "This is a paragraph that is wrapped at a certain width, as many are, so\n"
        "that its lines belong together. It goes on.",
        'A quoted task with a [link](http://x.y/z "title")',
        "First item",
        "goes on here",
        "Name",
        "Age",
        "Ann \\| Lee",
        "Dear Ann,",
        "yours,\tBob",
        "\u4f60\u597d",
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", "```\nopen", "    code", "| a |", "a", "\ta\n\n\tb\n", "> > a"]
)
def test_nothing_is_lost_of_odd_texts(text: str) -> None:
    assert "".join(piece.text for piece in pieces(text)) == text


@pytest.mark.parametrize(
    ("text", "marked", "found"),
    [
        ("See `x y` now", "See \u27e60\u27e7 now", ["`x y`"]),
        ("``a ` b``!", "\u27e60\u27e7!", ["``a ` b``"]),
        ("[a](http://b.c/d(e))", "[a]\u27e60\u27e7", ["(http://b.c/d(e))"]),
        ("at https://a.b/c.", "at \u27e60\u27e7.", ["https://a.b/c"]),
        ("<b>bold</b>", "\u27e60\u27e7bold\u27e61\u27e7", ["<b>", "</b>"]),
        ("Hi {name}, %s", "Hi \u27e60\u27e7, \u27e61\u27e7", ["{name}", "%s"]),
        ("me@x.org", "\u27e60\u27e7", ["me@x.org"]),
        ("1 < 2 and 50% so", "1 < 2 and 50% so", []),
        ("`x` and \u27e60\u27e7", "`x` and \u27e60\u27e7", []),
    ],
)
def test_what_is_no_language_is_kept(text: str, marked: str, found: list[str]) -> None:
    assert kept(text) == (marked, found)
    assert "".join(run for run, _ in between(text)) == text
    if found:
        assert given_back(marked, found) == text


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        ("\u27e61\u27e7 b \u27e6 0 \u27e7", "Y b X"),
        ("\u27e60\u27e7 b", None),
        ("\u27e60\u27e7 \u27e60\u27e7 \u27e61\u27e7", None),
        ("\u27e60\u27e7 \u27e61\u27e7 \u27e62\u27e7", None),
    ],
)
def test_marks_come_back_each_once_or_not_at_all(answer: str, whole: str | None) -> None:
    assert given_back(answer, ["X", "Y"]) == whole


def upper(units: list[str]) -> list[str]:
    return [unit.upper() for unit in units]


def without_marks(units: list[str]) -> list[str]:
    return [unit.upper().replace("\u27e6", "").replace("\u27e7", "") for unit in units]


@pytest.mark.parametrize("model", [upper, without_marks])
@pytest.mark.parametrize(
    ("passage", "told"),
    [
        ("See `x` now, {name}.", "SEE `x` NOW, {name}."),
        ("`x`", "`x`"),
        ("Plain words.", "PLAIN WORDS."),
    ],
)
def test_what_is_kept_stays_whatever_a_model_does(model: object, passage: str, told: str) -> None:
    assert translated([passage], model) == [told]  # type: ignore[arg-type] - both are such


def test_a_long_passage_is_translated_in_parts_with_a_space_between() -> None:
    asked: list[str] = []

    def model(units: list[str]) -> list[str]:
        asked.extend(units)
        return upper(units)

    passage = " ".join(["A cat sat on a mat."] * 100)

    assert translated([passage], model) == [passage.upper()]
    assert len(asked) == 2
    assert max(map(len, asked)) <= SIZES[0]


def test_what_a_model_can_not_read_is_shortened() -> None:
    def model(units: list[str]) -> list[str]:
        if max(map(len, units)) > 400:
            raise TooLongError
        return upper(units)

    passage = " ".join(["A cat sat on a mat."] * 100)

    assert translated([passage, "Short."], model) == [passage.upper(), "SHORT."]


def test_a_model_that_reads_nothing_is_told() -> None:
    def model(_: list[str]) -> list[str]:
        raise TooLongError

    with pytest.raises(NoRoomError):
        translated(["A cat."], model)


def test_a_passage_without_a_translation_is_none_and_the_others_are_there() -> None:
    def model(units: list[str]) -> list[str]:
        return ["" if "dog" in unit else unit.upper() for unit in units]

    assert translated(["A cat.", "A dog."], model) == ["A CAT.", None]


@pytest.mark.parametrize(
    ("answer", "passage", "told"),
    [
        (" Eine Katze. \n", "A cat.", "Eine Katze."),
        ("Translation: Eine Katze.", "A cat.", "Eine Katze."),
        ("Translation: ja", "Translation: yes", "Translation: ja"),
        ("\u201eEine Katze.\u201c", "A cat.", "Eine Katze."),
        ('"Ja"', '"Yes"', '"Ja"'),
        ("```\nEine Katze.\n```", "A cat.", "Eine Katze."),
        ("Eine\n\nKatze.", "A cat.", "Eine Katze."),
        ("'", "A", "'"),
    ],
)
def test_an_answer_is_the_translation_alone(answer: str, passage: str, told: str) -> None:
    assert translation(answer, passage) == told


def test_a_model_is_told_the_languages() -> None:
    told = question({"from": "English", "to": "German", "model": "m"}, 10)

    assert "from English into German" in told.instructions
    assert (told.model, told.max_tokens) == ("m", 84)
    assert "into English" in question({}, 10).instructions


@pytest.mark.parametrize(
    ("text", "passages"),
    [("---\na: b\n---\nc", ["c"]), ("---\nSome words.\n---\n", ["Some words."])],
)
def test_what_is_said_of_a_page_is_not_translated(text: str, passages: list[str]) -> None:
    assert [piece.text for piece in pieces(text) if piece.translates] == passages


@pytest.mark.parametrize(
    ("lengths", "groups"),
    [([], []), ([3], [[0]]), ([1000, 2, 900, 3], [[1, 3], [0, 2]]), ([20, 600, 17], [[0, 2], [1]])],
)
def test_passages_that_are_about_as_long_are_asked_about_at_once(
    lengths: list[int], groups: list[list[int]]
) -> None:
    assert alike(["x" * length for length in lengths]) == groups
