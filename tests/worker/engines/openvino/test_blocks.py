"""Texts that begin alike share blocks, and no block is ever held twice by mistake."""

from __future__ import annotations

import random

from funland_worker.engines.openvino.blocks import BlockPool


def begin(pool: BlockPool, tokens: list[int]) -> list[int]:
    """Blocks for a text and one token more, all of whose tokens are computed then."""
    shared = pool.find(tokens)
    rest = pool.take(pool.needed(len(tokens) + 1) - len(shared))
    assert rest is not None
    blocks = shared + rest
    pool.learn(tokens, blocks, len(tokens))
    return blocks


def test_what_texts_have_in_common_is_held_once() -> None:
    pool = BlockPool(10, 4)
    first = begin(pool, [1, 2, 3, 4, 5, 6, 7, 8, 9])

    second = begin(pool, [1, 2, 3, 4, 5, 6, 7, 8, 10])
    other = begin(pool, [1, 2, 3, 4, 50, 6, 7, 8, 9])

    assert first[:2] == second[:2]
    assert first[:1] == other[:1]
    assert pool.held == len({*first, *second, *other})


def test_at_least_one_token_is_left_to_compute() -> None:
    pool = BlockPool(10, 4)
    begin(pool, [1, 2, 3, 4])

    assert pool.find([1, 2, 3, 4]) == []


def test_a_text_is_known_after_its_end_until_its_room_is_needed() -> None:
    pool = BlockPool(4, 4)
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    pool.give_back(begin(pool, tokens))
    assert pool.available == 4

    again = pool.find(tokens)
    pool.give_back(again)
    pool.give_back(begin(pool, list(range(20, 33))))

    assert len(again) == 2
    assert pool.find(tokens) == []


def test_more_than_there_are_is_none() -> None:
    pool = BlockPool(2, 4)

    assert pool.take(3) is None
    assert pool.available == 2


def test_a_pool_that_does_not_share_knows_nothing() -> None:
    pool = BlockPool(4, 4, shares=False)
    begin(pool, [1, 2, 3, 4, 5])

    assert pool.find([1, 2, 3, 4, 5]) == []


def test_blocks_always_add_up() -> None:
    chance = random.Random(1)  # noqa: S311 - which texts are tried
    pool = BlockPool(24, 2)
    held: list[tuple[list[int], list[int]]] = []
    for _ in range(3000):
        tokens = [chance.randrange(2) for _ in range(chance.randint(1, 12))]
        if chance.random() < 0.5 and pool.available >= pool.needed(len(tokens) + 1):
            held.append((tokens, begin(pool, tokens)))
        elif held:
            pool.give_back(held.pop(chance.randrange(len(held)))[1])
        assert pool.held == len({block for _, blocks in held for block in blocks})
        # Blocks that two texts hold are those of a common beginning.
        for tokens, blocks in held[-2:]:
            for others, more in held:
                for place in {*blocks} & {*more}:
                    end = 2 * (blocks.index(place) + 1)
                    assert tokens[:end] == others[:end]
