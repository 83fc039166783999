"""What nobody can have said in its time is not told."""

from __future__ import annotations

import pytest

from funland_worker.hearing.guards import sayable


@pytest.mark.parametrize(
    ("text", "seconds", "is_"),
    [
        ("She bought three apples and a loaf of bread.", 2.0, True),
        ("She bought three apples and a loaf of bread.", 0.43, False),  # made up of silence
        ("The train leaves the station at 9 in the morning.", 0.0, False),
        ("Yes.", 0.0, True),
        ("Thank you.", 0.02, True),
        ("He speaks as fast as an auctioneer does, and faster.", 1.5, True),
    ],
)
def test_how_fast_anyone_speaks(text: str, seconds: float, is_: bool) -> None:
    assert sayable(text, seconds) is is_
