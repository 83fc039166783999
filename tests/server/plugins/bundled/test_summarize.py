"""Summaries of texts that a model can't read at once."""

from __future__ import annotations

import pytest

from funland_plugin.bundled.asking import MOST_CHARACTERS, NoRoomError, Question, TooLongError
from funland_plugin.bundled.summarize.rounds import SHRINK, Ask, summarize
from funland_plugin.bundled.summarize.tidying import tidied
from funland_plugin.bundled.summarize.wording import part_question, whole_question

WHOLE, PART = Question("whole"), Question("part")


class Model:
    """A model that reads so many characters at a time, and answers with `say`."""

    def __init__(self, reads: int, say: str = "") -> None:
        self.reads = reads
        self.say = say
        self.asked: list[tuple[str, list[str]]] = []

    def __call__(self, question: Question, texts: list[str]) -> list[str]:
        if any(len(text) > self.reads for text in texts):
            raise TooLongError
        self.asked.append((question.instructions, texts))
        return [self.say or text for text in texts]


def story(characters: int) -> str:
    return ("A cat sat on a mat. " * (characters // 20 + 1))[:characters]


def test_a_text_that_can_be_read_is_asked_about_once() -> None:
    model = Model(1000, "A cat.")

    made = summarize(story(500), WHOLE, PART, model)

    assert (made.text, made.parts, made.rounds) == ("A cat.", 1, 1)
    assert model.asked == [("whole", [story(500)])]


def test_the_parts_of_a_longer_text_are_read_and_then_their_summaries() -> None:
    model = Model(1000, "A cat sat.")

    made = summarize(story(5000), WHOLE, PART, model)

    assert (made.text, made.rounds) == ("A cat sat.", 2)
    told = [text for what, texts in model.asked if what == "part" for text in texts]
    assert sorted("".join(told)) == sorted(story(5000))
    assert made.parts == len(told)
    assert model.asked[-1] == ("whole", ["\n".join(["A cat sat."] * made.parts)])


@pytest.mark.parametrize("reads", [100, 250, 1000, 20_000])
@pytest.mark.parametrize("length", [99, 3000, 50_000])
@pytest.mark.parametrize("say", ["", "x" * 100_000, " "])
def test_it_ends_whatever_a_model_writes(reads: int, length: int, say: str) -> None:
    model: Ask = Model(reads, say)

    made = summarize(story(length), WHOLE, PART, model)

    most = 2
    while length > reads:
        length, most = length // SHRINK + length // 50 + 1, most + 1
    assert made.rounds <= most + (length > MOST_CHARACTERS)


def test_a_model_that_reads_nothing_is_told() -> None:
    with pytest.raises(NoRoomError, match="larger context_length"):
        summarize(story(5000), WHOLE, PART, Model(50))


@pytest.mark.parametrize(
    ("config", "output_format", "has"),
    [
        ({}, "text", ["in one paragraph", "the language of the text"]),
        ({"length": "short"}, "text", ["one or two sentences"]),
        ({"language": "German"}, "text", ["Write in German."]),
        ({"length": "long"}, "markdown", ["at most 15 points", "begins with `- `"]),
    ],
)
def test_a_model_is_told_what_is_wanted(
    config: dict[str, str], output_format: str, has: list[str]
) -> None:
    told = whole_question(config, output_format).instructions

    assert all(each in told for each in has)


def test_parts_are_summarized_by_the_same_model_in_the_same_language() -> None:
    question = part_question({"model": "m", "language": "German"})

    assert question.model == "m"
    assert "German" in question.instructions


@pytest.mark.parametrize(
    ("answer", "output_format", "length", "told"),
    [
        (" A cat sat. \n", "text", "medium", "A cat sat."),
        ("A cat. A dog. A cow.", "text", "short", "A cat. A dog."),
        ("Summary: A cat sat.", "text", "medium", "A cat sat."),
        ("Here is a short summary of it:\n\nA cat sat.", "text", "medium", "A cat sat."),
        ("Here is where the cat sat.", "text", "medium", "Here is where the cat sat."),
        ("```\nA cat sat.\n```", "text", "medium", "A cat sat."),
        ("- A cat.\n- A dog.", "text", "medium", "A cat. A dog."),
        ("One.\n\nTwo.", "text", "long", "One.\n\nTwo."),
        ("A cat. A dog.", "markdown", "medium", "- A cat.\n- A dog."),
        ("1. A cat\n2) A dog\n* A cow", "markdown", "medium", "- A cat\n- A dog\n- A cow"),
        ("- a\n- b\n- c\n- d", "markdown", "short", "- a\n- b\n- c"),
        ("", "markdown", "short", ""),
    ],
)
def test_a_summary_has_the_form_that_was_asked_for(
    answer: str, output_format: str, length: str, told: str
) -> None:
    assert tidied(answer, output_format, length) == told


@pytest.mark.parametrize(("answer", "told"), [("A cat. A d", "A cat."), ("A ca", "A ca")])
def test_of_a_summary_that_was_cut_its_whole_sentences_are_told(answer: str, told: str) -> None:
    assert tidied(answer, "text", "medium", cut=True) == told
