"""When a call that failed is made again: what may pass by itself, after a wait that grows.

As OpenAI's client does: twice, after half a second and a second, or when the server says.
"""

from __future__ import annotations

import random
from time import monotonic
from typing import Final

from funland.v1.inference_pb2 import GenerationEvent
from funland.v1.responses_pb2 import ResponseEvent
from funland_client.credentials import Credentials, Metadata
from funland_client.errors import (
    CredentialsExpiredError,
    FunlandError,
    StreamBrokenError,
    UnauthenticatedError,
)

DEFAULT_RETRIES: Final = 2
_FIRST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 8.0
# Who is told to wait longer had better decide for themselves.
_LONGEST_ASKED_SECONDS: Final = 30.0
# Callers that failed together must not come back together.
_SPREAD: Final = 0.25


def pause(error: FunlandError, retry: int) -> float | None:
    """The seconds to wait before the `retry`-th retry, from 0; None if it is of no use."""
    if not error.retryable:
        return None
    spread = random.uniform(0, _SPREAD)  # noqa: S311 - no secret
    if error.retry_delay is None:
        return min(_FIRST_SECONDS * 2**retry, _LONGEST_SECONDS) * (1 - spread)
    asked = error.retry_delay.total_seconds()
    return asked * (1 + spread) if asked <= _LONGEST_ASKED_SECONDS else None


def tells_load(message: object) -> bool:
    """Whether a stream's message tells of a load alone: nothing came of the call yet."""
    match message:
        case GenerationEvent() | ResponseEvent():
            return message.HasField("loading")
        case _:
            return False


class Attempts:
    """The attempts at one call: at most `retries` after the first, `timeout` seconds in all.

    One more is made, at once, when the login has expired and was made new. `sends` is for a call
    that sends several messages, which can all be sent again: amid that, an event loop may hear of
    an expired login as of a broken stream.
    """

    def __init__(
        self,
        retries: int,
        timeout: float | None,
        credentials: Credentials | None = None,
        *,
        sends: bool = False,
    ) -> None:
        self._retries = retries
        self._sends = sends
        self._credentials = credentials
        self._sent: Metadata = ()
        self._renewed = False
        self._resumed = False
        self._made = 0
        self._end = None if timeout is None else monotonic() + timeout

    @property
    def seconds_left(self) -> float | None:
        """The time that is left for the call; None: any."""
        return None if self._end is None else max(self._end - monotonic(), 0)

    @property
    def metadata(self) -> Metadata:
        """Who calls, for the next attempt."""
        self._sent = self._credentials.metadata if self._credentials else ()
        return self._sent

    def may_renew(self, error: FunlandError) -> bool:
        """Whether `renew` may help."""
        return bool(self._sent) and not self._renewed and self._may_be_expired(error)

    def renew(self, error: FunlandError) -> bool:
        """Makes the login new that the last attempt was refused for; tells whether there is
        another to send. It waits for the server; raises what that says of a login that is over."""
        self._renewed = True
        try:
            return self._credentials is not None and self._credentials.renew(self._sent)
        except UnauthenticatedError:
            raise
        except FunlandError:
            if isinstance(error, StreamBrokenError):
                return False  # it was no login that ended
            raise

    def pause(self, error: FunlandError) -> float | None:
        """The seconds to wait before the next attempt; None if `error` is the last word.

        What ended amid its answer because the login expired goes on at once: then it is renewed.
        """
        if self._goes_on(error):
            self._resumed = True
            return 0.0
        if self._made >= self._retries:
            return None
        seconds = pause(error, self._made)
        left = self.seconds_left
        if seconds is None or (left is not None and seconds >= left):
            return None
        self._made += 1
        return seconds

    def _goes_on(self, error: FunlandError) -> bool:
        renewable = self._credentials is not None and self._credentials.renewable
        once = not (self._renewed or self._resumed)
        return renewable and once and self._may_be_expired(error)

    def _may_be_expired(self, error: FunlandError) -> bool:
        broken = self._sends and isinstance(error, StreamBrokenError)
        return broken or isinstance(error, CredentialsExpiredError)
