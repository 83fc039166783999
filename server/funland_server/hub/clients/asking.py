"""Asks a hub for JSON, and says in the domain's words what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import time
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from funland_server.errors import FunlandError
from funland_server.hub.errors import (
    HubAccessDeniedError,
    HubAnswerInvalidError,
    HubModelNotFoundError,
    HubRateLimitedError,
    HubUnreachableError,
)
from funland_server.web.answers import Answer, Headers
from funland_server.web.fetching import Credential, Web
from funland_server.web.waiting import asked_to_wait

LARGEST: Final = 32 * 1024**2
"""Bytes of an answer, unless its kind has a smaller limit."""
_WAIT: Final = 60.0
"""Seconds to wait where a hub that takes no more does not say."""
_ABSENT: Final = ("RepoNotFound", "RevisionNotFound", "EntryNotFound")

Query = Mapping[str, str | int | list[str]]
Challenged = Callable[[str], Awaitable[Credential | None]]


@dataclass(frozen=True, slots=True)
class Asker:
    """One hub, by its endpoint."""

    web: Web
    name: str
    """The hub's for people."""
    endpoint: str
    """Scheme, host, port and path, without a slash at the end."""
    credential: Credential | None
    seconds: float
    """How long one answer may take in all."""
    thing: str = "model"
    """What is asked about."""

    async def json(
        self, path: str, query: Query | None = None, *, model: str = "", largest: int = LARGEST
    ) -> tuple[Any, Headers]:
        """What the hub answers, and its headers. `model` is whom the question is about.

        Raises:
            FunlandError: As `HubService` says of every RPC that asks a hub; and
                HubModelNotFoundError.
        """
        body, headers = await self.body(path, query, model=model, largest=largest)
        return self.parsed(body), headers

    async def body(
        self,
        path: str,
        query: Query | None = None,
        *,
        model: str = "",
        headers: Mapping[str, str] | None = None,
        credential: Credential | None = None,
        challenged: Challenged | None = None,
        largest: int = LARGEST,
    ) -> tuple[bytes, Headers]:
        """The same, as bytes. A `credential` is shown in place of the hub's own; where none does,
        one that `challenged` makes of the hub's `WWW-Authenticate` is."""
        url = self.endpoint + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        shown = credential or self.credential
        try:
            async with asyncio.timeout(self.seconds):
                async with self.web.open(url, headers=headers, credential=shown) as answer:
                    if answer.status == HTTPStatus.OK:
                        return await answer.read(largest), answer.headers
                    if answer.status != HTTPStatus.UNAUTHORIZED or challenged is None:
                        raise self._refused(answer, model)
                    refused = self._refused(answer, model)
                    header = answer.headers.get("WWW-Authenticate", "")
                shown = await challenged(header)
                if shown is None:
                    raise refused
            return await self.body(
                path, query, model=model, headers=headers, credential=shown, largest=largest
            )
        except TimeoutError:
            raise HubUnreachableError(
                f"{self.name} did not answer within {self.seconds:g} seconds.", hub=self.name
            ) from None

    def parsed(self, body: bytes) -> Any:
        """JSON; raises HubAnswerInvalidError."""
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:  # so is what nests too deep
            raise self.invalid("it is not JSON") from None

    def invalid(self, why: str) -> HubAnswerInvalidError:
        """An answer that can't be used."""
        return HubAnswerInvalidError(
            f"The answer of {self.name} can't be used: {why}.", hub=self.name
        )

    def _refused(self, answer: Answer, model: str) -> FunlandError:
        status, hub = answer.status, self.name
        absent = status in (404, 410) or answer.headers.get("X-Error-Code") in _ABSENT
        # To those without a token HuggingFace does not tell what is hidden from what is not there.
        if absent or (status == HTTPStatus.UNAUTHORIZED and self.credential is None and model):
            also = "" if self.credential else ", or shows it only to those who have a token"
            return HubModelNotFoundError(
                f"{hub} has no {self.thing} {model!r}, or not that revision or file of it{also}."
                if model
                else f"{hub} has nothing at {self.endpoint}: is that the endpoint of a hub?",
                hub=hub, model=model,
            )  # fmt: skip
        if status in (401, 403):
            how = "the token that is set does not do" if self.credential else "no token is set"
            return HubAccessDeniedError(
                f"{hub} answers this only to those whom it lets in, and {how}. Accept the"
                f" {self.thing}'s conditions on its page, and set a token.",
                hub=hub, model=model,
            )  # fmt: skip
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            error = HubRateLimitedError(f"{hub} takes no more calls for a while.", hub=hub)
            error.retry_seconds = _wait(answer)
            return error
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            failed = HubUnreachableError(f"{hub} fails for now (status {status}).", hub=hub)
            failed.retry_seconds = _wait(answer)
            return failed
        return self.invalid(f"its status is {status}")


def _wait(answer: Answer) -> float:
    told = asked_to_wait(answer.headers, time())
    return _WAIT if told is None else told
