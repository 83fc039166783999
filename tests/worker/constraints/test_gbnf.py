"""GBNF means in llguidance what it means in llama.cpp."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer, TokenizerWrapper

from funland_worker.constraints.constraint import Constraint
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.grammar import matcher, to_grammar

CHARACTERS = st.characters(codec="utf-8")


class ByteTokens:
    """A vocabulary of single bytes, so that any text can be spelled."""

    tokens = [*(bytes([byte]) for byte in range(256)), b"\xff<end>"]  # noqa: RUF012 - llguidance's attribute
    eos_token_id = 256
    bos_token_id = None
    special_token_ids = ()

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


BYTES = LLTokenizer(TokenizerWrapper(ByteTokens()))


def matches(grammar: str, text: str) -> bool:
    state = matcher(to_grammar(Constraint("gbnf", grammar)), BYTES)
    spelled = list(text.encode())
    return state.try_consume_tokens(spelled) == len(spelled) and state.is_accepting()


@pytest.mark.parametrize(
    ("grammar", "right", "wrong"),
    [
        ('root ::= "a" "b" | "c"', ["ab", "c"], ["a", "abc", "ac"]),
        ('root ::= [a-z]* "x"', ["x", "abcx", "xx"], ["abc", ""]),
        ('root ::= letters "x"\nletters ::= [a-z]*', ["x", "abcx", "xx"], ["abc", ""]),
        ('root ::= "a"{2,3} "b"{2} "c"{1,}', ["aabbc", "aaabbccc"], ["abbc", "aabc"]),
        ('root ::= ("a"+ "b")? ("c"*)+', ["", "aab", "abcc"], ["b"]),
        ('root ::= "a"{0} "b" (root "c"){0,0}', ["b"], ["ab", "bbc", ""]),
        ('root ::= (("a"{1,2}){2}){2}', ["aaaa", "aaaaaaaa"], ["aaa", "aaaaaaaaa"]),
        ('root ::= "(" root ")" | word\nword ::= [a-z]+', ["((ab))", "x"], ["((ab)", "()"]),
        ('root ::= my-Rule my_rule\nmy-Rule ::= "a"\nmy_rule ::= "b"', ["ab"], ["aa", "bb"]),
        ("root ::= start\nstart ::= [0-9]", ["7"], ["a"]),
        ('root ::= "a" # the first\n  | # the second\n  "b"\n', ["a", "b"], ["ab"]),
        (r'root ::= [^"\\] "\x41\u00e9\U0001F600\n\"\\"', ['xAé😀\n"\\'], ['"Aé😀\n"\\']),
        (r"root ::= [\]\-^a-c/.]+", ["]-^b/."], ["d", "x"]),
        ("root ::= [-a] [a-]", ["--", "a-", "aa"], ["b-"]),
        ("root ::= . .", ["a\n", "é红"], ["a"]),
        ('root ::= ws "x" ws\nws ::= ([ \\t] ws)?', ["x", " \tx  "], ["x y"]),
        ("root ::= <[256]>", [], ["a"]),
        ('root ::= ""', [""], ["a"]),
    ],
)
def test_what_matches(grammar: str, right: list[str], wrong: list[str]) -> None:
    assert [text for text in right if not matches(grammar, text)] == []
    assert [text for text in wrong if matches(grammar, text)] == []


@settings(deadline=None, max_examples=50)
@given(st.text(CHARACTERS, max_size=12), st.text(CHARACTERS, max_size=12))
def test_any_text_is_a_grammar_of_itself_alone(text: str, other: str) -> None:
    escaped = "".join(f"\\U{ord(character):08x}" for character in text)
    grammar = f'root ::= "{escaped}"'

    assert matches(grammar, text)
    assert matches(grammar, other) == (text == other)


@settings(deadline=None, max_examples=50)
@given(st.sets(CHARACTERS, min_size=1, max_size=6), CHARACTERS, st.booleans())
def test_a_set_has_its_characters_and_no_others(
    members: set[str], character: str, inverted: bool
) -> None:
    escaped = "".join(f"\\U{ord(member):08x}" for member in members)
    grammar = f"root ::= [{'^' if inverted else ''}{escaped}]"

    assert all(matches(grammar, member) != inverted for member in members)
    assert matches(grammar, character) == ((character in members) != inverted)


@pytest.mark.parametrize(
    ("grammar", "words"),
    [
        ('first ::= "a"', "no rule `root`"),
        ('root ::= "a"\n\nb ::= missing', "line 3: there is no rule `missing`"),
        ('root ::= ("a"', "line 1: `)` must be where its end is"),
        ('root ::= "a" )', "line 1: a rule's name and `::=` must be where `)` is"),
        ('root = "a"', "`= "),
        (r'root ::= "\uD800"', "is not a character"),
        ("root ::= *", "line 1: a string, a set"),
    ],
)
def test_what_is_wrong_is_named(grammar: str, words: str) -> None:
    with pytest.raises(GrammarError) as raised:
        to_grammar(Constraint("gbnf", grammar))

    assert words in raised.value.message
