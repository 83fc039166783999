"""Where the fake hub keeps bytes: on the hub itself, or behind signed URLs at another origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

from tests.hubs.answers import Answer, file_answer, text_answer
from tests.hubs.record import Asked
from tests.hubs.repository import File

Place = Literal["hub", "same origin", "cdn"]
"""The answer has the bytes, redirects to a signed URL of the same origin, or to the CDN's."""

Handler = Callable[[Asked, Mapping[str, str]], Answer]
Route = tuple[str, str, Handler]
"""A method, a pattern of aiohttp's router, and what answers."""


@dataclass(slots=True)
class _Signed:
    file: File
    headers: Mapping[str, str]
    uses: int = 0


class Cdn:
    """Serves files to whoever has a signed URL, and asks for nothing else.

    `uses` is how many requests a signed URL is good for: then it is 403, until the hub signs anew.
    """

    def __init__(self) -> None:
        self.url = ""
        self.uses: int | None = None
        self._signed: dict[str, _Signed] = {}

    @property
    def routes(self) -> list[Route]:
        """Also those of the hubs, for redirects within one origin."""
        return [("GET", "/signed/{signature}/{name:.*}", self._serve)]

    def sign(self, file: File, origin: str, **headers: str) -> str:
        """A URL that serves a file, whose answers have these headers too."""
        signature = f"{len(self._signed):08x}{file.content.sha256[:24]}"
        self._signed[signature] = _Signed(file, headers)
        name = quote(file.path.split("/")[-1])
        return f"{origin}/signed/{signature}/{name}?X-Expires=3600&X-Signature={signature}"

    def signatures(self) -> list[str]:
        """All that were given out; none may be in a log."""
        return list(self._signed)

    def _serve(self, asked: Asked, match: Mapping[str, str]) -> Answer:
        signed = self._signed.get(match["signature"])
        if signed is None:
            return text_answer("AccessDenied: no such signature", 403)
        asked.path = signed.file.path
        signed.uses += 1
        if self.uses is not None and signed.uses > self.uses:
            return text_answer("AccessDenied: request has expired", 403)
        body = signed.file.content
        answer = file_answer(body, body.sha256[:32], signed.file.modified)
        return replace(answer, headers={**answer.headers, **signed.headers})
