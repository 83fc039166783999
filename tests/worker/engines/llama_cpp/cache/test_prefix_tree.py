"""The radix tree, held against a plain list of sequences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from funland_worker.engines.llama_cpp.cache.prefix_tree import PrefixTree, common_length

# Few tokens and few keys, so that sequences share, split and replace each other often.
SEQUENCES = st.lists(st.integers(0, 2), min_size=1, max_size=8)
CHANGES = st.lists(st.tuples(st.integers(0, 5), st.none() | SEQUENCES), max_size=40)


def distinct_beginnings(sequences: list[list[int]]) -> int:
    return len({tuple(one[:end]) for one in sequences for end in range(1, len(one) + 1)})


@given(CHANGES, SEQUENCES)
def test_it_knows_what_a_list_of_sequences_knows(
    changes: list[tuple[int, list[int] | None]], wanted: list[int]
) -> None:
    tree: PrefixTree[int] = PrefixTree()
    plain: dict[int, list[int]] = {}
    for key, tokens in changes:
        if tokens is not None:
            tree.insert(tokens, key)
            plain[key] = tokens
        elif key in plain:
            tree.remove(key)
            del plain[key]

    match = tree.match(wanted)

    longest = max((common_length(one, wanted) for one in plain.values()), default=0)
    assert (match.length if match else 0) == longest
    if match is not None:
        assert common_length(plain[match.key], wanted) == longest
    beginnings = [(len(one), key) for key, one in plain.items() if wanted[: len(one)] == one]
    assert sorted((one.length, one.key) for one in tree.beginnings(wanted)) == sorted(beginnings)
    assert [one.length for one in tree.beginnings(wanted)] == sorted(
        (length for length, _ in beginnings), reverse=True
    )
    assert tree.size == distinct_beginnings(list(plain.values()))
    assert [key in tree for key in range(6)] == [key in plain for key in range(6)]


@given(st.lists(st.integers(0, 1), max_size=12), st.lists(st.integers(0, 1), max_size=12))
def test_the_common_length_is_that_of_a_comparison_one_by_one(
    run: list[int], tokens: list[int]
) -> None:
    expected = 0
    for one, other in zip(run, tokens, strict=False):
        if one != other:
            break
        expected += 1

    assert common_length(run, tokens) == expected
    assert common_length(run, [9, *tokens], 1) == expected
