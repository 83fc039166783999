"""The text in a free-form call's arguments, whole and piece by piece."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland_gateway.dialects.openai.free_form import FreeText, free_arguments, free_text
from tests.gateway.dialects.cuts import cut

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS, st.booleans())
def test_a_text_comes_back_from_its_arguments(text: str, ascii_only: bool) -> None:
    assert free_text(free_arguments(text)) == text
    assert free_text(json.dumps({"input": text}, ensure_ascii=ascii_only)) == text


@given(TEXTS, st.booleans(), st.data())
def test_pieces_give_the_same_text_as_the_whole(
    text: str, ascii_only: bool, data: st.DataObject
) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only, indent=1)

    taken = FreeText()
    assert "".join(taken.more(piece) for piece in cut(arguments, data)) == text


@given(st.text('{}"input:\\u0dD8 \n', max_size=40), st.data())
def test_pieces_give_the_same_as_the_whole_whatever_they_are(
    arguments: str, data: st.DataObject
) -> None:
    taken = FreeText()

    made = "".join(taken.more(piece) for piece in cut(arguments, data))

    assert made == free_text(arguments)
    made.encode()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("", ""),
        ('{"in', ""),  # cut off before its text
        ('{"input":"a\\', "a"),
        ('{"input":"a\\u00', "a"),
        ('{"input":"\\ud83d\\ude00"}', "😀"),
        ('{"input":"\\ud83d"}', "�"),
        ('{"input":"\\ud83d!"}', "�!"),
        ('{"input":"\\q\\u12x"}', "q\\u12x"),
        ('{"input":"a","more":"b"}', "a"),
        ("{}", "{}"),  # nothing that the contract has: all of it is told
        ('{"other":"a"}', '{"other":"a"}'),
        ("plain words", "plain words"),
        ('{"input":7}', '{"input":7}'),
    ],
)
def test_what_is_no_whole_text_is_told_as_far_as_it_goes(arguments: str, text: str) -> None:
    assert free_text(arguments) == text
