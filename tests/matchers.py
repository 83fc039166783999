"""What the matchers of tests have in common."""

from __future__ import annotations

from collections.abc import Sequence


class NeverForces:
    """A matcher that always leaves a choice."""

    ended = False

    def forced(self) -> Sequence[int]:
        return ()
