"""For how long native code has not come back."""

from __future__ import annotations

from time import monotonic


class Pulse:
    """Set by the thread that calls native code, and read by others."""

    def __init__(self) -> None:
        self._since: float | None = None

    def beat(self) -> None:
        """Native code begins, or shows that it goes on."""
        self._since = monotonic()

    def rest(self) -> None:
        """None runs."""
        self._since = None

    @property
    def ms(self) -> float:
        """How long the last beat is ago, in milliseconds; 0: none runs."""
        since = self._since
        return 0.0 if since is None else (monotonic() - since) * 1000
