"""How the sounds of one answer share the bytes that it may have."""

from __future__ import annotations

from funland_server.speech.errors import AnswerTooLargeError


class Room:
    """The bytes of one answer. Where they don't suffice, the largest sound that isn't done gives
    way, so that what is short is answered beside what is too long."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._shares: set[Share] = set()

    def share(self) -> Share:
        """One more sound's, which has none yet."""
        share = Share(self)
        self._shares.add(share)
        return share

    def make(self, size: int, taker: Share) -> None:
        """Gets so many more bytes free for a share. Raises as `Share.take`."""
        while sum(share.size for share in self._shares) + size > self._limit:
            growing = [share for share in self._shares if not share.is_done and share is not taker]
            largest = max(growing, key=lambda share: share.size, default=taker)
            if largest.size <= taker.size + size:
                raise AnswerTooLargeError(self._limit)
            self.leave(largest)

    def check(self, share: Share) -> None:
        """Raises as `Share.take` if a share has given way."""
        if share not in self._shares:
            raise AnswerTooLargeError(self._limit)

    def leave(self, share: Share) -> None:
        """What a share had is for the others."""
        self._shares.discard(share)
        share.audio.clear()


class Share:
    """A sound of the answer."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.audio = bytearray()
        self.is_done = False
        """Whether it is whole: then it stays."""

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.audio)

    def take(self, chunk: bytes) -> None:
        """Adds to it.

        Raises:
            AnswerTooLargeError: It gives way, or has given way since it took the last.
        """
        self._room.check(self)
        self._room.make(len(chunk), self)
        self.audio += chunk

    def finish(self) -> None:
        """It is whole. Raises as `take`."""
        self._room.check(self)
        self.is_done = True

    def leave(self) -> None:
        """It is not in the answer."""
        self._room.leave(self)
