"""A processor takes the best of a wheel's builds that it can run."""

from __future__ import annotations

import pytest

from funland_worker.engines.sampling.builds import LEVELS, levels, library_file

V4, V3, V2 = LEVELS.values()


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (V4 | V3 | V2 | {"amx_tile"}, ["x86-64-v4", "x86-64-v3", "x86-64-v2"]),
        (V3 | V2, ["x86-64-v3", "x86-64-v2"]),
        ((V3 | V2) - {"movbe"}, ["x86-64-v2"]),
        (V4 | V2, ["x86-64-v2"]),
        ({"sse2", "ssse3"}, []),
        (set[str](), []),
    ],
)
def test_the_best_level_comes_first(features: set[str], expected: list[str]) -> None:
    assert levels(features) == expected


def test_a_checkout_has_one_for_its_processor() -> None:
    assert library_file().name == "libfunland_choose.so"
    assert library_file().exists()
